/** Which findings the queue shows: kept in the address, so that a link is a queue. */

import type { Schemas } from '../../lib/api/client';
import { ALL_KINDS } from '../../lib/words';

export const ORDERS = ['risk', 'time'] as const;
export type Order = (typeof ORDERS)[number];
export const STATES = ['suspected', 'confirmed', 'rejected', 'expired'] as const;
export const AGES_H = { '1d': 24, '7d': 168, '30d': 720, '90d': 2160 } as const;
export type Age = keyof typeof AGES_H;

/** Filters that are lists of values. */
const LISTS = ['kind', 'site_id', 'camera_id', 'unit', 'cell'] as const;

export interface Filters {
  kind: string[];
  site_id: string[];
  camera_id: string[];
  unit: string[];
  cell: string[];
  /** `west,south,east,north` in degrees. */
  bbox: string;
  min_score: number | null;
  max_score: number | null;
  age: Age | '';
  state: (typeof STATES)[number];
  order: Order;
}

function share(text: string | null): number | null {
  const value = Number(text);
  return text && value >= 0 && value <= 1 ? value : null;
}

/** Whether a text is a bounding box that the service takes. */
export function isBox(text: string): boolean {
  const sides = text.split(',').map(Number);
  const [west = NaN, south = NaN, east = NaN, north = NaN] = sides;
  return (
    sides.length === 4 && west >= -180 && west <= east && east <= 180 &&
    south >= -90 && south <= north && north <= 90
  );
}

/** Reads the filters from an address; what nobody can mean is left out. */
export function filtersOf(query: URLSearchParams): Filters {
  const values = (name: string): string[] => query.getAll(name).filter(Boolean).slice(0, 50);
  const one = <T extends string>(name: string, allowed: readonly T[], other: T): T =>
    allowed.find((each) => each === query.get(name)) ?? other;
  const bbox = query.get('bbox') ?? '';
  return {
    kind: values('kind').filter((kind) => (ALL_KINDS as string[]).includes(kind)),
    site_id: values('site_id'),
    camera_id: values('camera_id'),
    unit: values('unit'),
    cell: values('cell'),
    bbox: isBox(bbox) ? bbox : '',
    min_score: share(query.get('min_score')),
    max_score: share(query.get('max_score')),
    age: one('age', ['', ...(Object.keys(AGES_H) as Age[])] as (Age | '')[], ''),
    state: one('state', STATES, 'suspected'),
    order: one('order', ORDERS, 'risk'),
  };
}

/** How many filters narrow the queue. */
export function narrowing(filters: Filters): number {
  const lists = LISTS.filter((name) => filters[name].length > 0).length;
  const others = [filters.bbox, filters.age, filters.min_score !== null, filters.max_score !== null];
  return lists + others.filter(Boolean).length;
}

/** The filters as the API takes them, but for state and order. */
export function asked(filters: Filters): Partial<Schemas['FindingFilters']> {
  const wanted: Partial<Schemas['FindingFilters']> = {};
  if (filters.kind.length) wanted.kind = filters.kind as Schemas['FindingKind'][];
  for (const name of ['site_id', 'camera_id', 'unit', 'cell'] as const) {
    if (filters[name].length) wanted[name] = filters[name];
  }
  if (filters.bbox) wanted.bbox = filters.bbox;
  if (filters.min_score !== null) wanted.min_score = filters.min_score;
  if (filters.max_score !== null) wanted.max_score = filters.max_score;
  if (filters.age) {
    // To the minute: an address that is asked again is the same for caches and for eyes.
    const since = Date.now() - AGES_H[filters.age] * 3_600_000;
    wanted.seen_from = new Date(since - (since % 60_000)).toISOString();
  }
  return wanted;
}

/** Whether a finding passes, as far as its listing tells. */
export function passes(item: Schemas['FindingItem'], filters: Filters): boolean {
  const among = (values: string[], value: string | null): boolean =>
    values.length === 0 || (value !== null && values.includes(value));
  const wanted = asked(filters);
  const [west, south, east, north] = filters.bbox ? filters.bbox.split(',').map(Number) : [];
  return (
    item.state === filters.state &&
    among(filters.kind, item.kind) && among(filters.site_id, item.site_id) &&
    among(filters.camera_id, item.camera_id) && among(filters.unit, item.unit) &&
    among(filters.cell, item.cell) &&
    item.score >= (filters.min_score ?? 0) && item.score <= (filters.max_score ?? 1) &&
    (!wanted.seen_from || item.seen_at >= wanted.seen_from) &&
    (west === undefined ||
      (item.longitude !== null && item.latitude !== null &&
        item.longitude >= west && item.longitude <= east! &&
        item.latitude >= south! && item.latitude <= north!))
  );
}
