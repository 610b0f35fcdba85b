/** The projected coordinate systems that surveys come in, worked out and never looked up. */

import { get as projectionOf, transform, transformExtent, type Projection } from 'ol/proj';
import { register, setEPSGLookup } from 'ol/proj/proj4';
import proj4 from 'proj4';

/** GeoJSON's own: longitude, latitude. */
export const WGS84 = 'EPSG:4326';
export type Bounds = [minX: number, minY: number, maxX: number, maxY: number];

const CGCS2000 = '+ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m +no_defs +type=crs';

// OpenLayers would ask a server on the internet for what it does not know.
setEPSGLookup(() => Promise.reject(new Error('no coordinate system is looked up')));

function transverse(meridian: number, falseEasting: number): string {
  return `+proj=tmerc +lat_0=0 +lon_0=${meridian} +k=1 +x_0=${falseEasting} +y_0=0 ${CGCS2000}`;
}

/** PROJ's description of an EPSG code, for the systems in use for surveys in China and UTM.
 *
 * Ranges as in the EPSG registry: CGCS2000 / 6-degree and 3-degree Gauss-Kruger, with the zone's
 * number before the easting or by central meridian; WGS 84 / UTM. */
export function definitionOf(code: number): string | null {
  if (code >= 32601 && code <= 32660) return `+proj=utm +zone=${code - 32600} +datum=WGS84 +units=m +no_defs`;
  if (code >= 32701 && code <= 32760) return `+proj=utm +zone=${code - 32700} +south +datum=WGS84 +units=m +no_defs`;
  if (code >= 4491 && code <= 4501) {
    const zone = code - 4491 + 13;
    return transverse(6 * zone - 3, zone * 1e6 + 5e5);
  }
  if (code >= 4502 && code <= 4512) return transverse(6 * (code - 4502 + 13) - 3, 5e5);
  if (code >= 4513 && code <= 4533) {
    const zone = code - 4513 + 25;
    return transverse(3 * zone, zone * 1e6 + 5e5);
  }
  if (code >= 4534 && code <= 4554) return transverse(3 * (code - 4534 + 25), 5e5);
  if (code === 4490) return '+proj=longlat +ellps=GRS80 +no_defs';
  return null;
}

/** Returns the projection of a code like `EPSG:4547`; none where it is not known here. */
export function projection(code: string | null | undefined): Projection | null {
  if (!code) return null;
  const name = /^EPSG:\d{4,5}$/i.exec(code.trim())?.[0].toUpperCase();
  if (!name) return null;
  const known = projectionOf(name);
  if (known) return known;
  const definition = definitionOf(Number(name.slice(5)));
  if (!definition) return null;
  proj4.defs(name, definition);
  register(proj4);
  return projectionOf(name);
}

/** The UTM zone that a place lies in: metres everywhere around it, nothing stretched. */
export function localProjection(longitude: number, latitude: number): Projection {
  const zone = Math.min(60, Math.max(1, Math.floor((longitude + 180) / 6) + 1));
  const found = projection(`EPSG:${(latitude < 0 ? 32700 : 32600) + zone}`);
  if (!found) throw new Error('there is a zone for every place');
  return found;
}

/** `[west, south, east, north]` of WGS-84 in a projection. */
export function boundsIn(bounds: Bounds, to: Projection): Bounds {
  return transformExtent(bounds, WGS84, to, 8) as Bounds;
}

/** Longitude and latitude of a place on a map. */
export function lonLat(at: number[], from: Projection): [longitude: number, latitude: number] {
  return transform(at, from, WGS84) as [number, number];
}
