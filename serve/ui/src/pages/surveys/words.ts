/** What surveys and comparisons are called, and how far they are. */

import { texts } from '../../lib/language.svelte';
import type { BadgeTone } from '../../lib/ui/Badge.svelte';

const SURVEY_STATES = texts({
  received: ['已接收', 'Received'],
  sending: ['照片发送中', 'Sending photos'],
  processing: ['照片处理中', 'Processing photos'],
  checking: ['检查与转换中', 'Checking and converting'],
  ready: ['可用', 'Ready'],
  refused: ['文件不可用', 'Refused'],
  failed: ['失败', 'Failed'],
  cancelled: ['已取消', 'Cancelled'],
});
const COMPARISON_STATES = texts({
  waiting: ['排队中', 'Waiting'],
  running: ['比对中', 'Comparing'],
  done: ['完成', 'Done'],
  failed: ['失败', 'Failed'],
  cancelled: ['已取消', 'Cancelled'],
});
const STAGES = texts({
  fetch: ['读取影像', 'Fetching the surveys'],
  align: ['配准', 'Aligning'],
  change: ['变化检测', 'Finding change'],
  findings: ['生成图斑', 'Outlining findings'],
  pictures: ['制作图片', 'Making pictures'],
  write: ['写出结果', 'Writing results'],
  store: ['保存', 'Storing'],
});
const TONES: Record<string, BadgeTone> = {
  ready: 'good', done: 'good', refused: 'bad', failed: 'bad', cancelled: 'plain',
};

export const surveyState = (code: string): string =>
  (SURVEY_STATES as Record<string, string>)[code] ?? code;
export const comparisonState = (code: string): string =>
  (COMPARISON_STATES as Record<string, string>)[code] ?? code;
export const stageName = (code: string): string => (STAGES as Record<string, string>)[code] ?? code;
export const toneOf = (state: string): BadgeTone => TONES[state] ?? 'accent';

/** States in which the service works on something, so that it is worth to ask again. */
export const IN_WORK = new Set([
  'received', 'sending', 'processing', 'checking', 'waiting', 'running',
]);

/** What the service tells of a survey's rasters. */
export interface Raster {
  crs?: string;
  crs_name?: string;
  gsd_m?: number;
  size_wh?: [number, number];
  file_bytes?: number;
  taken_at?: string | null;
  outline?: { type: 'Polygon'; coordinates: number[][][] };
}
export interface Facts {
  ortho?: Raster;
  dsm?: Raster;
}
