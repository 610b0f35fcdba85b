/** How shapes are drawn: a bright line in a dark casing is seen on snow and on asphalt. */

import { Point, type Polygon } from 'ol/geom';
import { Circle, Fill, Stroke, Style, Text } from 'ol/style';

export interface Look {
  colour?: string;
  label?: string;
  dashed?: boolean;
  /** Thinner, and without a fill: what lies around. */
  faint?: boolean;
}

const CASING = 'rgb(10 14 18 / 75%)';
const FONT = '600 12px system-ui, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
/** The colours of app.css that are the same in both themes: canvas knows no variables. */
export const MARK = '#ffb000';
export const MARK_2 = '#00d1ff';
export const ZONE_COLOURS = ['#ffb000', '#00d1ff', '#ff6fae', '#a6e22e', '#c58bff', '#ff7043', '#4dd0b1', '#f4f06a'];

/** A colour with an opacity of 0 to 1. */
export function seenThrough(colour: string, opacity: number): string {
  const part = (k: number) => Number.parseInt(colour.slice(1 + 2 * k, 3 + 2 * k), 16);
  return `rgb(${part(0)} ${part(1)} ${part(2)} / ${Math.round(opacity * 100)}%)`;
}

/** Above the highest corner, so that it covers nothing of what the shape is about. */
function labelStyle(text: string): Style {
  return new Style({
    geometry: (feature) => {
      const geometry = feature.getGeometry();
      const corners = geometry && 'getCoordinates' in geometry ? flat((geometry as Polygon).getCoordinates()) : [];
      const top = corners.reduce<number[] | null>((best, at) => (!best || at[1]! > best[1]! ? at : best), null);
      return top ? new Point(top) : undefined;
    },
    text: new Text({
      text, font: FONT, overflow: true, padding: [2, 5, 2, 5], offsetY: -13,
      fill: new Fill({ color: '#fff' }), backgroundFill: new Fill({ color: 'rgb(10 14 18 / 82%)' }),
    }),
  });
}

function flat(coordinates: unknown): number[][] {
  const list = coordinates as unknown[];
  if (list.length && typeof (list[0] as number[])[0] === 'number') return list as number[][];
  return list.flatMap(flat);
}

export function shapeStyle(look: Look, chosen = false): Style[] {
  const colour = look.colour ?? MARK;
  const width = look.faint ? 1.5 : chosen ? 3 : 2.25;
  const lineDash = look.dashed ? [7, 5] : undefined;
  return [
    new Style({ stroke: new Stroke({ color: CASING, width: width + 2.5 }) }),
    new Style({
      stroke: new Stroke({ color: colour, width, lineDash }),
      fill: look.faint ? undefined : new Fill({ color: seenThrough(colour, chosen ? 0.16 : 0.07) }),
    }),
    ...(look.label ? [labelStyle(look.label)] : []),
  ];
}

/** A point on the map, such as a camera or a finding without an outline. */
export function pointStyle(look: Look, chosen = false): Style {
  return new Style({
    image: new Circle({
      radius: chosen ? 8 : 6,
      fill: new Fill({ color: look.colour ?? MARK }),
      stroke: new Stroke({ color: '#fff', width: 2 }),
    }),
    text: look.label
      ? new Text({
          text: look.label, font: FONT, offsetY: -16, overflow: true,
          fill: new Fill({ color: '#fff' }), stroke: new Stroke({ color: CASING, width: 4 }),
        })
      : undefined,
  });
}

export function handleStyle(kind: 'corner' | 'chosen' | 'middle'): Style {
  const middle = kind === 'middle';
  return new Style({
    image: new Circle({
      radius: middle ? 4 : kind === 'chosen' ? 8 : 6,
      fill: new Fill({ color: kind === 'chosen' ? MARK_2 : middle ? 'rgb(255 255 255 / 55%)' : '#fff' }),
      stroke: new Stroke({ color: middle ? 'rgb(10 14 18 / 60%)' : '#0a0e12', width: 2 }),
    }),
    zIndex: middle ? 1 : 2,
  });
}
