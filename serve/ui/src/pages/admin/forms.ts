/** What training sets look like. */

import { texts } from '../../lib/language.svelte';

const NAMES = texts({
  yolo: ['YOLO（摄像头图片与框）', 'YOLO (camera pictures, boxes)'],
  coco: ['COCO（摄像头图片与框）', 'COCO (camera pictures, boxes)'],
  change_pairs: ['变化图对（航测）', 'Change pairs (surveys)'],
});
export type Form = keyof typeof NAMES;
export const FORMS = Object.keys(NAMES) as Form[];
export const formName = (form: string): string => (NAMES as Record<string, string>)[form] ?? form;
