/** What is counted, and what colours and healths are called. */

import { texts } from '../../lib/language.svelte';
import type { BadgeTone } from '../../lib/ui/Badge.svelte';
import type { CountName } from './buckets';

const COUNTS = texts({
  found: ['发现', 'Found'],
  confirmed: ['确认', 'Confirmed'],
  rejected: ['排除', 'Rejected'],
  closed: ['结案', 'Closed'],
});
export const countName = (name: CountName): string => COUNTS[name];

const COLOURS = texts({
  red: ['红色', 'Red'],
  yellow: ['黄色', 'Yellow'],
  green: ['绿色', 'Green'],
});
const COLOUR_TONES: Record<string, BadgeTone> = { red: 'bad', yellow: 'warn', green: 'good' };
export const colourName = (colour: string): string =>
  (COLOURS as Record<string, string>)[colour] ?? colour;
export const colourTone = (colour: string): BadgeTone => COLOUR_TONES[colour] ?? 'plain';

// As in serve/watching/faring.py, the good ones first.
const HEALTHS = texts({
  watching: ['正常', 'Watching'],
  starting: ['启动中', 'Starting'],
  ended: ['录像已结束', 'Recording ended'],
  waiting: ['等待处理能力', 'Waits for a worker'],
  overloaded: ['处理不过来', 'Overloaded'],
  faulty: ['画面故障', 'Faulty'],
  failed: ['无法接入', 'Failed'],
  unwatched: ['未启用', 'Not enabled'],
});
export const ALL_HEALTHS = Object.keys(HEALTHS);
const HEALTH_TONES: Record<string, BadgeTone> = {
  watching: 'good', starting: 'accent', ended: 'plain', waiting: 'warn', overloaded: 'warn',
  faulty: 'bad', failed: 'bad', unwatched: 'plain',
};
export const healthName = (health: string): string =>
  (HEALTHS as Record<string, string>)[health] ?? health;
export const healthTone = (health: string): BadgeTone => HEALTH_TONES[health] ?? 'plain';
