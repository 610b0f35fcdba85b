/** What is on the map, and the letters that stand in its marks. */

import { language, texts } from '../../lib/language.svelte';
import type { Kind } from '../../lib/words';

const LAYERS = texts({
  findings: ['问题', 'Findings'],
  cases: ['案件', 'Cases'],
  cameras: ['摄像头', 'Cameras'],
  sites: ['航测地块', 'Sites'],
  grid: ['网格预警', 'Grid'],
  ortho: ['正射影像', 'Orthophotos'],
});
export type LayerName = keyof typeof LAYERS;
export const LAYER_NAMES = Object.keys(LAYERS) as LayerName[];
/** Those that list things; orthophotos are only looked at. */
export const LISTED: LayerName[] = LAYER_NAMES.filter((name) => name !== 'ortho');
export const ON_AT_FIRST: LayerName[] = ['findings', 'cameras', 'sites', 'grid', 'ortho'];
export const layerName = (name: LayerName): string => LAYERS[name];

// Colour tells the state, so a letter tells the kind.
const LETTERS: Record<Kind, readonly [zh: string, en: string]> = {
  new_structure: ['建', 'N'],
  removed_structure: ['拆', 'R'],
  land_clearing: ['土', 'L'],
  dust_hotspot: ['尘', 'D'],
  illegal_parking: ['停', 'P'],
  street_vending: ['摊', 'V'],
  muck_truck_overload: ['载', 'O'],
  muck_truck_uncovered: ['盖', 'U'],
};
export function letterOf(kind: string): string {
  return LETTERS[kind as Kind]?.[language.now === 'zh' ? 0 : 1] ?? '?';
}

const COLOURS = texts({ red: ['红', 'R'], yellow: ['黄', 'Y'], green: ['绿', 'G'] });
export const colourLetter = (colour: string): string =>
  (COLOURS as Record<string, string>)[colour] ?? '';
