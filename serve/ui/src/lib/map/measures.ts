/** What is measured of a drawn shape, and whether it is a shape at all. */

import { LineString, MultiPolygon, Polygon, type Geometry } from 'ol/geom';
import type { Projection } from 'ol/proj';
import { getArea, getLength } from 'ol/sphere';

import type { Frame } from './frame';

export interface Measures {
  /** Geodesic, on maps. */
  areaM2?: number;
  /** Of the outline, or of the line; on maps. */
  lengthM?: number;
  /** Of the frame, 0 to 1; on pictures. */
  areaShare?: number;
  /** Corners, the closing one not counted. */
  corners: number;
  /** Why it cannot be kept: fewer corners than a shape needs, crossing itself, or empty. */
  fault: 'few' | 'crossing' | 'empty' | null;
}

type Point = readonly number[];

/** The outer rings of a shape, without the closing point; a line is one ring that stays open. */
export function rings(geometry: Geometry): number[][][] {
  if (geometry instanceof Polygon) return [(geometry.getCoordinates()[0] ?? []).slice(0, -1)];
  if (geometry instanceof MultiPolygon) {
    return geometry.getCoordinates().map((part) => (part[0] ?? []).slice(0, -1));
  }
  if (geometry instanceof LineString) return [geometry.getCoordinates()];
  return [];
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0]! - a[0]!) * (c[1]! - a[1]!) - (b[1]! - a[1]!) * (c[0]! - a[0]!);
}

function crosses(a: Point, b: Point, c: Point, d: Point): boolean {
  const [t1, t2, t3, t4] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)];
  return t1 * t2 < 0 && t3 * t4 < 0;
}

/** Whether the closed way along these corners crosses itself. */
export function crossesItself(ring: readonly Point[]): boolean {
  const n = ring.length;
  for (let i = 0; i < n; i++) {
    for (let k = i + 2; k < n; k++) {
      if (i === 0 && k === n - 1) continue;
      if (crosses(ring[i]!, ring[(i + 1) % n]!, ring[k]!, ring[(k + 1) % n]!)) return true;
    }
  }
  return false;
}

/** Measures a shape on a map (geodesic) or on a picture (shares of the frame). */
export function measure(geometry: Geometry, on: { projection: Projection } | { frame: Frame }): Measures {
  const all = rings(geometry);
  const corners = all.reduce((sum, ring) => sum + ring.length, 0);
  const line = geometry instanceof LineString;
  const few = all.length === 0 || all.some((ring) => ring.length < (line ? 2 : 3));
  const flat = !line && geometry instanceof Polygon && geometry.getArea() === 0;
  const fault = few ? 'few' : !line && all.some(crossesItself) ? 'crossing' : flat ? 'empty' : null;
  if ('frame' in on) {
    const area =
      geometry instanceof Polygon || geometry instanceof MultiPolygon ? geometry.getArea() : 0;
    return { corners, fault, areaShare: area / (on.frame.width * on.frame.height) };
  }
  const options = { projection: on.projection };
  return { corners, fault, areaM2: line ? 0 : getArea(geometry, options), lengthM: getLength(geometry, options) };
}
