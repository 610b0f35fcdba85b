/** What lies around a finding: other findings, and what the city's registers know there. */

import { GeoJSON } from 'ol/format';
import Feature from 'ol/Feature';
import VectorLayer from 'ol/layer/Vector';
import type { Projection } from 'ol/proj';
import VectorSource from 'ol/source/Vector';

import { api, take } from '../../../lib/api/client';
import { language } from '../../../lib/language.svelte';
import { pointStyle, shapeStyle, WGS84 } from '../../../lib/map';
import { kindName } from '../../../lib/words';

const MOST = 100;
/** Registers whose rows lie on the ground and say something about what was built there. */
const DRAWN = ['building_permits', 'construction_sites', 'unit_grid', 'vending_permits'] as const;
export type DrawnRegister = (typeof DRAWN)[number];
const COLOURS: Record<DrawnRegister, string> = {
  building_permits: '#7ddc6f', construction_sites: '#c58bff', unit_grid: '#f2f4f6', vending_permits: '#ff6fae',
};
const STATES: Record<string, string> = {
  suspected: '#ffb000', confirmed: '#ff5a4f', rejected: '#9aa5b1', expired: '#9aa5b1',
};

type Box = [west: number, south: number, east: number, north: number];

/** Found once: which version of each register counts. It changes by an import, not by the minute. */
let active: Promise<Map<string, number>> | null = null;

function activeVersions(): Promise<Map<string, number>> {
  active ??= take(api.GET('/api/v1/registers')).then(
    (all) => new Map(all.flatMap((each) => (each.active ? [[each.register, each.active.number] as const] : []))),
  );
  active.catch(() => (active = null));
  return active;
}

export async function neighboursOf(findingId: string, box: Box, on: Projection): Promise<VectorLayer> {
  const found = (await take(
    api.GET('/api/v1/findings.geojson', { params: { query: { bbox: box.join(','), limit: MOST } } }),
  )) as { features: { id: string }[] };
  const others = { type: 'FeatureCollection', features: found.features.filter(({ id }) => id !== findingId) };
  const features = new GeoJSON().readFeatures(others, { dataProjection: WGS84, featureProjection: on });
  return new VectorLayer({
    source: new VectorSource({ features: features as Feature[] }),
    zIndex: 60,
    style: (feature) => {
      const look = {
        colour: STATES[String(feature.get('state'))], label: kindName(String(feature.get('kind'))), faint: true, dashed: true,
      };
      return feature.getGeometry()?.getType() === 'Point' ? pointStyle(look) : shapeStyle(look);
    },
  });
}

/** Rows of the registers that meet a box, with the code of each. Empty where there are none. */
export async function registersAt(box: Box, on: Projection): Promise<{ layer: VectorLayer; kinds: DrawnRegister[] }> {
  const versions = await activeVersions();
  const read = new GeoJSON();
  const kinds: DrawnRegister[] = [];
  const features: Feature[] = [];
  await Promise.all(
    DRAWN.map(async (register) => {
      const number = versions.get(register);
      if (number === undefined) return;
      const page = await take(
        api.GET('/api/v1/registers/{register}/versions/{number}/entries', {
          params: { path: { register, number }, query: { bbox: box.join(','), limit: MOST } },
        }),
      );
      for (const entry of page.items) {
        if (!entry.geometry) continue;
        const geometry = read.readGeometry(entry.geometry, { dataProjection: WGS84, featureProjection: on });
        const feature = new Feature(geometry ?? undefined);
        feature.setProperties({ register, code: entry.code, validTo: entry.valid_to });
        features.push(feature);
      }
      if (page.items.length) kinds.push(register);
    }),
  );
  const layer = new VectorLayer({
    source: new VectorSource({ features }),
    zIndex: 50,
    style: (feature) => {
      const look = {
        colour: COLOURS[feature.get('register') as DrawnRegister], label: String(feature.get('code')), faint: true,
      };
      return feature.getGeometry()?.getType() === 'Point' ? pointStyle(look) : shapeStyle(look);
    },
  });
  return { layer, kinds };
}

/** A box around bounds, larger by a share of its size on every side. */
export function grown([west, south, east, north]: readonly number[], share: number): Box {
  const [w, h] = [(east! - west!) * share, (north! - south!) * share];
  const digits = (value: number) => Math.round(value * 1e7) / 1e7;
  return [digits(west! - w), digits(south! - h), digits(east! + w), digits(north! + h)];
}

/** Labels follow the language: reading this in an effect draws the layers anew. */
export function spokenLanguage(): string {
  return language.now;
}
