/** What lies on the map, read from the service page by page. */

import { api, take } from '../../lib/api/client';
import { language } from '../../lib/language.svelte';
import type { Kind } from '../../lib/words';
import type { LayerName } from './words';

export type Place = readonly [longitude: number, latitude: number];
/** GeoJSON, WGS-84. */
export type Outline = { type: 'Polygon' | 'MultiPolygon'; coordinates: unknown[] };

/** One thing on the map. */
export interface Item {
  layer: LayerName;
  id: string;
  zh: string;
  en: string;
  place: Place;
  outline: Outline | null;
  /** Kind of a finding or case. */
  kind: string;
  /** State of a finding or case, health of a camera, colour of a cell. */
  state: string;
  /** Milliseconds since 1970 at which it was first seen; findings only. */
  seen: number | null;
  unit: string | null;
  /** Where more of it is told. */
  href: string | null;
  /** A site's survey whose orthophoto can be shown. */
  ortho: string | null;
}
export const keyOf = (item: Pick<Item, 'layer' | 'id'>): string => `${item.layer}:${item.id}`;
export const titleOf = (item: Item): string => (language.now === 'zh' ? item.zh : item.en);

/** More than this of a kind is neither told apart nor kept. */
export const MOST_FINDINGS = 20_000;
const MOST: Partial<Record<LayerName, number>> = { cases: 2_000, cameras: 5_000, sites: 500, grid: 5_000 };
const PAGE = 200;

export interface Filters {
  kind?: string;
  state?: string;
  unit?: string;
}
/** Given the items that came so far; says whether to go on. */
type Came = (items: Item[]) => boolean;

interface Feature {
  id: string;
  geometry: { type: string; coordinates: unknown[] } | null;
  properties: Record<string, unknown>;
}
interface Collection {
  features: Feature[];
  next: string | null;
}

/** Reads findings, the newest first, and tells each page that came.
 *
 * Returns whether there are more than are read. Throws an `ApiError`. */
export async function readFindings(filters: Filters, came: Came): Promise<boolean> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const query = {
      order: 'time' as const,
      // A small page first, so that there is something to look at soon.
      limit: cursor ? 2_000 : 400,
      cursor,
      kind: filters.kind ? [filters.kind as Kind] : undefined,
      state: filters.state ? [filters.state as 'suspected'] : undefined,
      unit: filters.unit ? [filters.unit] : undefined,
    };
    const page = (await take(
      api.GET('/api/v1/findings.geojson', { params: { query } }),
    )) as unknown as Collection;
    for (const feature of page.features) {
      const item = finding(feature);
      if (item) items.push(item);
    }
    cursor = page.next ?? undefined;
    if (!came([...items])) return false;
  } while (cursor && items.length < MOST_FINDINGS);
  return cursor !== undefined;
}

function finding({ id, geometry, properties: of }: Feature): Item | null {
  if (!geometry) return null;
  const outline = geometry.type === 'Point' ? null : (geometry as Outline);
  const seen = typeof of.first_seen === 'string' ? Date.parse(of.first_seen) : null;
  return {
    layer: 'findings',
    id,
    zh: String(of.title_zh),
    en: String(of.title_en),
    place: outline ? middleOf(outline) : (geometry.coordinates as unknown as Place),
    outline,
    kind: String(of.kind),
    state: String(of.state),
    seen,
    unit: (of.unit as string | null) ?? null,
    href: `/review/${id}`,
    ortho: null,
  };
}

type Page<T> = { items: T[]; next?: string | null };

async function readPages<T>(
  layer: LayerName,
  read: (cursor: string | undefined) => Promise<Page<T>>,
  item: (one: T) => Item | null,
  came: Came,
): Promise<boolean> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    for (const one of page.items) {
      const made = item(one);
      if (made) items.push(made);
    }
    cursor = page.next ?? undefined;
    if (!came([...items])) return false;
  } while (cursor && items.length < (MOST[layer] ?? Infinity));
  return cursor !== undefined;
}

export function readCases(filters: Filters, came: Came): Promise<boolean> {
  const query = { kind: filters.kind ? [filters.kind as Kind] : undefined, unit: filters.unit };
  return readPages(
    'cases',
    (cursor) =>
      take(api.GET('/api/v1/cases', { params: { query: { ...query, limit: PAGE, cursor } } })),
    (one) =>
      one.longitude === null || one.latitude === null
        ? null
        : {
            ...blank('cases', one.id, one.title_zh, one.title_en, [one.longitude, one.latitude]),
            kind: one.kind, state: one.state, unit: one.unit, href: `/cases/${one.id}`,
          },
    came,
  );
}

export function readCameras(came: Came): Promise<boolean> {
  return readPages(
    'cameras',
    (cursor) => take(api.GET('/api/v1/cameras', { params: { query: { limit: PAGE, cursor } } })),
    (one) =>
      one.location
        ? {
            ...blank('cameras', one.id, one.name, one.name, [one.location.lon, one.location.lat]),
            state: one.health, href: `/cameras/${one.id}`,
          }
        : null,
    came,
  );
}

export function readSites(came: Came): Promise<boolean> {
  return readPages(
    'sites',
    (cursor) => take(api.GET('/api/v1/sites', { params: { query: { limit: PAGE, cursor } } })),
    (one) => {
      const outline = one.area as Outline | null;
      return outline
        ? {
            ...blank('sites', one.id, one.name, one.name, middleOf(outline)),
            outline, href: `/surveys/${one.id}`, ortho: one.last_ready_id,
          }
        : null;
    },
    came,
  );
}

/** Cells of the unit grid with their colours; those without a warning are green. */
export async function readGrid(came: Came): Promise<boolean> {
  const registers = await take(api.GET('/api/v1/registers'));
  const active = registers.find((each) => each.register === 'unit_grid')?.active;
  if (!active) {
    came([]);
    return false;
  }
  const colours = await readColours();
  return readPages(
    'grid',
    (cursor) =>
      take(
        api.GET('/api/v1/registers/{register}/versions/{number}/entries', {
          params: {
            path: { register: 'unit_grid', number: active.number },
            query: { limit: PAGE, cursor },
          },
        }),
      ),
    (one) => {
      const outline = one.geometry as Outline | null;
      const name = one.name || one.code;
      return outline
        ? {
            ...blank('grid', one.code, name, name, middleOf(outline)),
            outline,
            state: colours.get(one.code) ?? 'green',
            unit: typeof one.properties.unit === 'string' ? one.properties.unit : null,
          }
        : null;
    },
    came,
  );
}

async function readColours(): Promise<Map<string, string>> {
  const colours = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const page = await take(
      api.GET('/api/v1/warnings', {
        params: { query: { subject_type: 'cell', limit: PAGE, cursor } },
      }),
    );
    for (const one of page.items) colours.set(one.subject, one.colour);
    cursor = page.next ?? undefined;
  } while (cursor);
  return colours;
}

function blank(layer: LayerName, id: string, zh: string, en: string, place: Place): Item {
  return {
    layer, id, zh, en, place,
    outline: null, kind: '', state: '', seen: null, unit: null, href: null, ortho: null,
  };
}

/** The middle of an outline's bounds: where its mark stands. */
function middleOf(outline: Outline): Place {
  const [west, south, east, north] = boundsOf([outline]);
  return [(west + east) / 2, (south + north) / 2];
}

/** West, south, east, north of places and outlines. */
export function boundsOf(shapes: (Outline | Place)[]): [number, number, number, number] {
  const bounds: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (at: unknown): void => {
    if (!Array.isArray(at)) return;
    if (typeof at[0] !== 'number') return at.forEach(visit);
    const [x, y] = at as number[];
    bounds[0] = Math.min(bounds[0], x!);
    bounds[1] = Math.min(bounds[1], y!);
    bounds[2] = Math.max(bounds[2], x!);
    bounds[3] = Math.max(bounds[3], y!);
  };
  for (const shape of shapes) visit('coordinates' in shape ? shape.coordinates : shape);
  return bounds;
}
