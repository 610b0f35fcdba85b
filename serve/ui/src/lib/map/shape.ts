/** Shapes while they are drawn and edited: corners in map units, and the ways in and out. */

import { LineString, MultiPolygon, Polygon, type Geometry } from 'ol/geom';
import { transform, type Projection } from 'ol/proj';

import type { Box, Frame, Share } from './frame';
import { WGS84 } from './projections';

export type ShapeKind = 'polygon' | 'box' | 'line';
export interface Shape {
  id: string;
  kind: ShapeKind;
  /** Polygons, their rings (outer first), their corners; the first corner is not repeated. */
  parts: number[][][][];
}
/** Which corner: polygon, ring, number. */
export type Corner = readonly [part: number, ring: number, index: number];

interface GeoJsonPolygon {
  type: 'Polygon';
  coordinates: number[][][];
}
interface GeoJsonMultiPolygon {
  type: 'MultiPolygon';
  coordinates: number[][][][];
}
export type GeoJsonArea = GeoJsonPolygon | GeoJsonMultiPolygon;

export function geometryOf(shape: Shape): Geometry {
  if (shape.kind === 'line') return new LineString(shape.parts[0]?.[0] ?? []);
  const closed = shape.parts.map((part) => part.map((ring) => (ring[0] ? [...ring, ring[0]] : [])));
  return closed.length === 1 ? new Polygon(closed[0]!) : new MultiPolygon(closed);
}

/** Takes over what was drawn. */
export function partsOf(geometry: Geometry): number[][][][] {
  const open = (ring: number[][]) => ring.slice(0, -1);
  if (geometry instanceof Polygon) return [geometry.getCoordinates().map(open)];
  if (geometry instanceof MultiPolygon) return geometry.getCoordinates().map((part) => part.map(open));
  if (geometry instanceof LineString) return [[geometry.getCoordinates()]];
  return [];
}

export function cornersOf(shape: Shape): { at: Corner; point: number[] }[] {
  return shape.parts.flatMap((part, p) =>
    part.flatMap((ring, r) => ring.map((point, v) => ({ at: [p, r, v] as Corner, point }))),
  );
}

export function copyOf(shape: Shape): Shape {
  return { ...shape, parts: shape.parts.map((part) => part.map((ring) => ring.map((point) => [...point]))) };
}

/** GeoJSON in WGS-84 as a shape on a map. */
export function fromGeoJson(id: string, area: GeoJsonArea, to: Projection): Shape {
  const polygons = area.type === 'Polygon' ? [area.coordinates] : area.coordinates;
  return {
    id,
    kind: 'polygon',
    parts: polygons.map((part) =>
      part.map((ring) => ring.slice(0, -1).map((point) => transform(point.slice(0, 2), WGS84, to))),
    ),
  };
}

/** The shape in WGS-84, right-handed as RFC 7946 asks, to about a millimetre. */
export function toGeoJson(shape: Shape, from: Projection): GeoJsonArea {
  const polygons = shape.parts.map((part) =>
    part.map((ring, k) => {
      const points = ring.map((point) => transform(point, from, WGS84).map((v) => Math.round(v * 1e8) / 1e8));
      const anticlockwise = signedArea(points) > 0;
      if (anticlockwise !== (k === 0)) points.reverse();
      return points[0] ? [...points, points[0]] : [];
    }),
  );
  return polygons.length === 1
    ? { type: 'Polygon', coordinates: polygons[0]! }
    : { type: 'MultiPolygon', coordinates: polygons };
}

function signedArea(ring: number[][]): number {
  return ring.reduce((sum, [x, y], k) => {
    const [nx, ny] = ring[(k + 1) % ring.length]!;
    return sum + (x! * ny! - nx! * y!) / 2;
  }, 0);
}

export function fromShares(id: string, polygon: readonly (readonly number[])[], frame: Frame, kind: ShapeKind = 'polygon'): Shape {
  return { id, kind, parts: [[polygon.map((point) => frame.fromShare(point))]] };
}

export function toShares(shape: Shape, frame: Frame): Share[] {
  return (shape.parts[0]?.[0] ?? []).map((point) => frame.toShare(point));
}

export function boxCorners([x1, y1, x2, y2]: readonly number[]): number[][] {
  return [[x1!, y1!], [x2!, y1!], [x2!, y2!], [x1!, y2!]];
}

export function fromBox(id: string, box: Box | number[], frame: Frame): Shape {
  return fromShares(id, boxCorners(box), frame, 'box');
}

export function toBox(shape: Shape, frame: Frame): Box {
  const points = toShares(shape, frame);
  const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Moves one corner; of a box the ones beside it come along. */
export function moveCorner(shape: Shape, [p, r, v]: Corner, to: number[]): void {
  const ring = shape.parts[p]![r]!;
  if (shape.kind === 'box') {
    const fixed = ring[(v + 2) % 4]!;
    // Which neighbour shares which side depends on where the ring began.
    const next = ring[(v + 1) % 4]!;
    const sharesX = Math.abs(next[0]! - ring[v]![0]!) <= Math.abs(next[1]! - ring[v]![1]!);
    ring[(v + 1) % 4] = sharesX ? [to[0]!, fixed[1]!] : [fixed[0]!, to[1]!];
    ring[(v + 3) % 4] = sharesX ? [fixed[0]!, to[1]!] : [to[0]!, fixed[1]!];
  }
  ring[v] = [to[0]!, to[1]!];
}

/** Takes a corner out; not where the shape needs all of them. Tells whether it did. */
export function removeCorner(shape: Shape, [p, r, v]: Corner): boolean {
  const ring = shape.parts[p]?.[r];
  if (!ring || shape.kind === 'box' || ring.length <= (shape.kind === 'line' ? 2 : 3)) return false;
  ring.splice(v, 1);
  return true;
}

/** Puts a corner in the middle of the side that follows a corner; returns where it is. */
export function insertCorner(shape: Shape, [p, r, v]: Corner, point?: number[]): Corner | null {
  const ring = shape.parts[p]?.[r];
  if (!ring || shape.kind === 'box') return null;
  if (shape.kind === 'line' && v === ring.length - 1) return null;
  const [a, b] = [ring[v]!, ring[(v + 1) % ring.length]!];
  ring.splice(v + 1, 0, point ?? [(a[0]! + b[0]!) / 2, (a[1]! + b[1]!) / 2]);
  return [p, r, v + 1];
}

export function moveAll(shape: Shape, dx: number, dy: number): void {
  for (const { point } of cornersOf(shape)) {
    point[0]! += dx;
    point[1]! += dy;
  }
}
