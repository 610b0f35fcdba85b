/** A camera as it is being entered or changed, before it is saved. */

import type { Schemas } from '../../lib/api/client';
import { ApiError } from '../../lib/api/client';
import type { Camera, Zone, ZoneKind } from './words';

export type Share = [number, number];
export interface Hours {
  from: string;
  to: string;
}
export interface ZoneItem {
  type: 'zone';
  id: string;
  name: string;
  kind: ZoneKind;
  polygon: Share[];
  dwell_s: number | null;
  dwellByClass: { name: string; dwell_s: number | null }[];
  grace_s: number | null;
  cooldown_s: number | null;
  /** Of the frame's height, per cent. */
  minHeight: number | null;
  hours: Hours[];
  jurisdiction: string;
  /** A line of two points, of a gate: from its middle to the site's side. */
  inward: Share[] | null;
}
export interface MaskItem {
  type: 'mask';
  id: string;
  polygon: Share[];
}
export type Item = ZoneItem | MaskItem;

let last = 0;
export const newId = (): string => `shape-${++last}`;

export function newZone(id: string, name: string, kind: ZoneKind, polygon: Share[]): ZoneItem {
  return {
    type: 'zone', id, name, kind, polygon, dwell_s: 300, dwellByClass: [], grace_s: 30, cooldown_s: 600,
    minHeight: 2, hours: [], jurisdiction: kind === 'no_parking' ? 'sidewalk' : '', inward: null,
  };
}

export function middleOf(polygon: readonly Share[]): Share {
  const sum = polygon.reduce(([x, y], [px, py]) => [x + px, y + py] as Share, [0, 0] as Share);
  return [sum[0] / polygon.length, sum[1] / polygon.length];
}

const short = (value: number): number => Math.round(value * 1e4) / 1e4;

function itemOf(zone: Zone): ZoneItem {
  const polygon = zone.polygon.map(([x, y]) => [short(x!), short(y!)] as Share);
  return {
    type: 'zone', id: newId(), name: zone.name, kind: zone.kind, polygon,
    dwell_s: zone.dwell_s ?? 300,
    dwellByClass: Object.entries(zone.dwell_s_by_class ?? {}).map(([name, dwell_s]) => ({ name, dwell_s })),
    grace_s: zone.grace_s ?? 30,
    cooldown_s: zone.cooldown_s ?? 600,
    minHeight: short((zone.min_height ?? 0.02) * 100),
    hours: (zone.active_hours ?? []).map((text) => ({ from: text.slice(0, 5), to: text.slice(6) })),
    jurisdiction: zone.jurisdiction ?? '',
    inward: zone.inward ? [middleOf(polygon), [short(zone.inward[0]!), short(zone.inward[1]!)]] : null,
  };
}

function zoneOf(item: ZoneItem): Schemas['Zone'] {
  const timed = item.kind === 'no_parking' || item.kind === 'no_vending';
  return {
    name: item.name.trim(),
    kind: item.kind,
    polygon: item.polygon,
    dwell_s: item.dwell_s ?? 0,
    dwell_s_by_class: timed
      ? Object.fromEntries(item.dwellByClass.map((each) => [each.name, each.dwell_s ?? 0]))
      : {},
    grace_s: item.grace_s ?? 0,
    cooldown_s: item.cooldown_s ?? 0,
    min_height: short((item.minHeight ?? 0) / 100),
    active_hours: item.hours.map(({ from, to }) => `${from}-${to}`),
    jurisdiction: item.jurisdiction.trim() || null,
    inward: item.kind === 'truck_gate' && item.inward ? item.inward[1]! : null,
  };
}

/** Zones and masks of a camera as they are drawn. */
export class Drawing {
  items = $state<Item[]>([]);
  selected = $state<string | null>(null);
  /** What came and went: an undone deletion brings a zone back with all that was set of it. */
  #known = new Map<string, Item>();

  static of(zones: readonly Zone[], masks: readonly (readonly (readonly number[])[])[]): Drawing {
    const made = new Drawing();
    made.items = [
      ...zones.map(itemOf),
      ...masks.map((polygon) => ({
        type: 'mask' as const, id: newId(), polygon: polygon.map(([x, y]) => [short(x!), short(y!)] as Share),
      })),
    ];
    return made;
  }
  get zones(): ZoneItem[] {
    return this.items.filter((each) => each.type === 'zone');
  }
  get masks(): MaskItem[] {
    return this.items.filter((each) => each.type === 'mask');
  }
  get chosen(): Item | null {
    return this.items.find((each) => each.id === this.selected) ?? null;
  }
  add(item: Item): void {
    this.items.push(item);
    this.#known.set(item.id, $state.snapshot(item) as Item);
  }
  /** Takes out what is not drawn any more. */
  keep(ids: ReadonlySet<string>): void {
    if (this.items.every((each) => ids.has(each.id))) return;
    for (const each of this.items) this.#known.set(each.id, $state.snapshot(each) as Item);
    this.items = this.items.filter((each) => ids.has(each.id));
  }
  /** What was known under an id, with another outline. */
  again(id: string, polygon: Share[]): Item | null {
    const before = this.#known.get(id);
    return before ? { ...before, polygon } : null;
  }
  body(): { zones: Schemas['Zone'][]; privacy_masks: Share[][] } {
    return { zones: this.zones.map(zoneOf), privacy_masks: this.masks.map((each) => $state.snapshot(each.polygon) as Share[]) };
  }
  /** What tells one state of it from another. */
  get print(): string {
    return JSON.stringify(this.body());
  }
}

/** The rest of a camera. */
export class Particulars {
  code = $state('');
  name = $state('');
  lon = $state<number | null>(null);
  lat = $state<number | null>(null);
  direction = $state('');
  timezone = $state('Asia/Shanghai');
  sampleStep = $state<number | null>(null);
  tiles = $state(1);
  thresholds = $state<{ name: string; score: number | null }[]>([]);

  static of(camera: Pick<Camera, 'code' | 'name' | 'location' | 'direction' | 'timezone' | 'sample_step_s' | 'tiles' | 'thresholds'>): Particulars {
    const made = new Particulars();
    made.code = camera.code;
    made.name = camera.name;
    made.lon = camera.location?.lon ?? null;
    made.lat = camera.location?.lat ?? null;
    made.direction = camera.direction ?? '';
    made.timezone = camera.timezone;
    made.sampleStep = camera.sample_step_s;
    made.tiles = camera.tiles;
    made.thresholds = Object.entries(camera.thresholds).map(([name, score]) => ({ name, score }));
    return made;
  }
  body() {
    return {
      name: this.name.trim(),
      location: this.lon === null && this.lat === null ? null : { lon: this.lon as number, lat: this.lat as number },
      direction: this.direction.trim() || null,
      timezone: this.timezone.trim(),
      sample_step_s: this.sampleStep,
      tiles: this.tiles,
      thresholds: Object.fromEntries(this.thresholds.map((each) => [each.name, each.score ?? 0])),
    };
  }
}

/** Names what differs, so that a change says only what was changed. */
export function changesOf<T extends object>(before: T, after: T): Partial<T> {
  const changed: Partial<T> = {};
  for (const key of Object.keys(after) as (keyof T)[]) {
    if (JSON.stringify(before[key]) !== JSON.stringify(after[key])) changed[key] = after[key];
  }
  return changed;
}

/** An address with its login, percent-encoded; what was typed into it before counts too. */
export function addressOf(url: string, user: string, password: string): string {
  const bare = url.trim();
  if (!user && !password) return bare;
  const login = encodeURIComponent(user) + (password ? `:${encodeURIComponent(password)}` : '');
  return bare.replace(/^([a-z]+:\/\/)/i, (scheme) => `${scheme}${login}@`);
}

/** Takes the login out of an address that was pasted whole. */
export function splitAddress(text: string): { url: string; user: string; password: string } | null {
  // The last @ before the path ends the login: passwords hold @ where nobody encoded them.
  const found = /^([a-z]+:\/\/)(?:([^/?#]*)@)?([^@]*)$/i.exec(text.trim()) ?? null;
  if (!found || found[2] === undefined) return null;
  const [user, ...rest] = found[2].split(':');
  const plain = (part: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return { url: found[1]! + found[3]!, user: plain(user ?? ''), password: plain(rest.join(':')) };
}

/** What the service found wrong, by place: `zones/0/dwell_s` or `code`. */
export function faultsOf(error: unknown): Map<string, string> {
  const faults = new Map<string, string>();
  if (!(error instanceof ApiError) || error.status !== 422) return faults;
  for (const part of error.problem?.parts ?? []) faults.set(part.where.replace(/^body\//, ''), part.what);
  if (faults.size === 0) {
    for (const one of error.detail.split('; ')) {
      const found = /^([\w/]+): (.+)$/.exec(one);
      if (found) faults.set(found[1]!, found[2]!);
    }
  }
  return faults;
}
