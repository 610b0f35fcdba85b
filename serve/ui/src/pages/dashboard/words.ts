/** What is counted, and what colours of warnings are called. */

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
