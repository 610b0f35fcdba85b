/** How things look on the map. Colour tells the state; a letter or the form tells the rest. */

import { Circle, Fill, RegularShape, Stroke, Style, Text } from 'ol/style';

import { number } from '../../lib/format';
import type { Item } from './items';
import { colourLetter, letterOf } from './words';

const FONT = 'system-ui, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
const WHITE = '#ffffff';
const DARK = '#16202a';

/** Fill and letter colour; each pair is told apart by 4.5 to 1 or more. */
const FINDING_COLOURS: Record<string, readonly [string, string]> = {
  suspected: ['#ffb000', DARK],
  confirmed: ['#0b5cad', WHITE],
  rejected: ['#5f6b78', WHITE],
  expired: ['#5f6b78', WHITE],
};
const [GOOD, BAD, IDLE, OPEN] = ['#1a7f37', '#c5221f', '#5f6b78', '#6a3fb5'];
const CASE_MARKS: Record<string, readonly [string, string]> = {
  closed: [GOOD, '✓'], dead: [BAD, '!'], refused: [IDLE, '×'], withdrawn: [IDLE, '×'],
};
const CAMERA_MARKS: Record<string, readonly [string, string]> = {
  watching: [GOOD, ''], starting: [GOOD, ''], faulty: [BAD, '!'], failed: [BAD, '!'],
  overloaded: [BAD, '!'],
};
export const CELL_COLOURS: Record<string, string> = {
  red: '#d93025', yellow: '#f2a600', green: '#1e8e3e',
};

const kept = new Map<string, Style>();
function once(key: string, make: () => Style): Style {
  let style = kept.get(key);
  if (!style) kept.set(key, (style = make()));
  return style;
}
/** Findings stand where their case and their camera are: marks go aside, right and up. */
const ASIDE: Record<string, [number, number]> = { cases: [15, -13], cameras: [15, 13] };

function letter(text: string, colour: string, size = 11, [right, up] = [0, 0]): Text {
  return new Text({
    text, font: `700 ${size}px ${FONT}`, fill: new Fill({ color: colour }),
    offsetX: right, offsetY: 1 - up!,
  });
}
const rim = () => new Stroke({ color: WHITE, width: 2 });

/** The mark of one thing, where it stands as a point. */
export function markOf(item: Item): Style {
  if (item.layer === 'findings') {
    const text = letterOf(item.kind);
    return once(`finding ${item.state} ${text}`, () => {
      const [fill, ink] = FINDING_COLOURS[item.state] ?? FINDING_COLOURS.rejected!;
      return new Style({
        image: new Circle({ radius: 10, fill: new Fill({ color: fill }), stroke: rim() }),
        text: letter(text, ink),
      });
    });
  }
  const isCase = item.layer === 'cases';
  return once(`${item.layer} ${item.state}`, () => {
    const [fill, text] = isCase
      ? (CASE_MARKS[item.state] ?? [OPEN, '…'])
      : (CAMERA_MARKS[item.state] ?? [IDLE, '']);
    return new Style({
      // Cases are squares, cameras stand on a tip.
      image: new RegularShape({
        points: 4, radius: isCase ? 13 : 11, angle: isCase ? Math.PI / 4 : 0,
        fill: new Fill({ color: fill }), stroke: rim(), displacement: ASIDE[item.layer],
      }),
      text: letter(text, WHITE, 12, ASIDE[item.layer]),
    });
  });
}

/** Several marks in one, with their number; of the same form as each of them. */
export function clusterMark(items: Item[]): Style {
  const layer = items[0]?.layer ?? 'findings';
  const count = items.length;
  const urgent = items.some((item) => ['suspected', 'dead', 'faulty', 'failed'].includes(item.state));
  return once(`cluster ${layer} ${count} ${urgent}`, () => {
    const text = count < 1_000 ? String(count) : `${number(count / 1_000, 1)}k`;
    const look = {
      fill: new Fill({ color: '#26313c' }),
      stroke: new Stroke({ color: urgent ? '#ffb000' : '#9aa7b4', width: 3 }),
    };
    if (layer === 'findings') {
      const radius = 12 + Math.min(Math.log10(count) * 4, 12);
      return new Style({ image: new Circle({ radius, ...look }), text: letter(text, WHITE, 12) });
    }
    const angle = layer === 'cases' ? Math.PI / 4 : 0;
    const displacement = ASIDE[layer];
    return new Style({
      image: new RegularShape({ points: 4, radius: 15, angle, displacement, ...look }),
      text: letter(text, WHITE, 11, displacement),
    });
  });
}

/** An area: a site, a cell of the grid, the outline of a finding. `near`: there is room for words. */
export function areaStyle(item: Item, { dark, near }: { dark: boolean; near: boolean }): Style[] {
  const ink = dark ? '#c9d4df' : '#3c4855';
  const named = near && (item.layer === 'sites' || (item.layer === 'grid' && item.state !== 'green'));
  const shape = keptArea(`${item.layer} ${item.state} ${dark}`, () => areaOf(item, ink));
  if (!named) return shape;
  const letters = item.layer === 'grid' ? `${colourLetter(item.state)} ${item.zh}` : item.zh;
  return [...shape, new Style({ text: words(letters, ink, dark) })];
}

const keptAreas = new Map<string, Style[]>();
function keptArea(key: string, make: () => Style[]): Style[] {
  let styles = keptAreas.get(key);
  if (!styles) keptAreas.set(key, (styles = make()));
  return styles;
}

function areaOf(item: Item, ink: string): Style[] {
  if (item.layer === 'findings') {
    const [fill] = FINDING_COLOURS[item.state] ?? FINDING_COLOURS.rejected!;
    return [
      new Style({ stroke: new Stroke({ color: 'rgb(10 14 18 / 75%)', width: 4.5 }) }),
      new Style({ stroke: new Stroke({ color: fill, width: 2 }) }),
    ];
  }
  if (item.layer === 'sites') {
    // A fill that is not seen, so that clicks inside count.
    const fill = new Fill({ color: 'rgb(0 0 0 / 0.1%)' });
    return [new Style({ stroke: new Stroke({ color: ink, width: 2, lineDash: [8, 5] }), fill })];
  }
  const colour = CELL_COLOURS[item.state] ?? CELL_COLOURS.green!;
  const warned = item.state !== 'green';
  return [
    new Style({
      fill: new Fill({ color: `${colour}${warned ? '38' : '0c'}` }),
      stroke: new Stroke({ color: warned ? colour : `${ink}66`, width: item.state === 'red' ? 2.5 : 1 }),
      zIndex: item.state === 'red' ? 3 : warned ? 2 : 1,
    }),
  ];
}

function words(text: string, ink: string, dark: boolean): Text {
  return new Text({
    text, font: `600 12px ${FONT}`, overflow: false, fill: new Fill({ color: ink }),
    stroke: new Stroke({ color: dark ? '#101418' : '#ffffff', width: 3 }),
  });
}

/** Around what is chosen. */
export function ringStyle(): Style[] {
  const ring = (width: number, color: string) =>
    new Style({ image: new Circle({ radius: 17, stroke: new Stroke({ color, width }) }) });
  return [ring(6, 'rgb(10 14 18 / 80%)'), ring(3, '#00d1ff')];
}
