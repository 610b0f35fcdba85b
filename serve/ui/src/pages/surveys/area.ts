/** Areas of sites, read from GeoJSON that people have. */

export interface Area {
  type: 'Polygon' | 'MultiPolygon';
  coordinates: unknown[];
}

/** Reads polygons out of GeoJSON: a geometry, a feature, or a collection of either.
 *
 * Throws where there is none; whether the polygons are sound, the service checks. */
export function areaOf(text: string): Area {
  const polygons: unknown[] = [];
  gather(JSON.parse(text), polygons);
  if (!polygons.length) throw new Error('no polygon');
  return polygons.length === 1
    ? { type: 'Polygon', coordinates: polygons[0] as unknown[] }
    : { type: 'MultiPolygon', coordinates: polygons };
}

function gather(value: unknown, polygons: unknown[]): void {
  if (!value || typeof value !== 'object') return;
  const { type, coordinates, geometry, geometries, features } = value as Record<string, unknown>;
  if (type === 'Polygon' && Array.isArray(coordinates)) polygons.push(coordinates);
  if (type === 'MultiPolygon' && Array.isArray(coordinates)) polygons.push(...coordinates);
  if (type === 'Feature') gather(geometry, polygons);
  if (Array.isArray(geometries)) for (const each of geometries) gather(each, polygons);
  if (Array.isArray(features)) for (const each of features) gather(each, polygons);
}

const EARTH_RADIUS_M = 6_371_008.8;

/** Square metres of a polygon on the sphere: good to half a per cent, for people to see. */
export function squareMetres(area: Area): number {
  const polygons = (area.type === 'Polygon' ? [area.coordinates] : area.coordinates) as number[][][][];
  let sum = 0;
  for (const [outer = [], ...holes] of polygons) {
    sum += ring(outer) - holes.reduce((total, hole) => total + ring(hole), 0);
  }
  return sum;
}

function ring(points: number[][]): number {
  const rad = Math.PI / 180;
  let sum = 0;
  points.forEach(([x = 0, y = 0], at) => {
    const [x2 = 0, y2 = 0] = points[(at + 1) % points.length] ?? [];
    sum += (x2 - x) * rad * (2 + Math.sin(y * rad) + Math.sin(y2 * rad));
  });
  return Math.abs((sum * EARTH_RADIUS_M ** 2) / 2);
}
