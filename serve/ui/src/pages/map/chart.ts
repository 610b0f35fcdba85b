/** The layers of the map: what they hold follows what is given and how closely one looks. */

import Feature from 'ol/Feature';
import type MapBrowserEvent from 'ol/MapBrowserEvent';
import { createEmpty, containsCoordinate, extend } from 'ol/extent';
import GeoJSON from 'ol/format/GeoJSON';
import Point from 'ol/geom/Point';
import VectorLayer from 'ol/layer/Vector';
import { fromLonLat, type Projection } from 'ol/proj';
import VectorSource from 'ol/source/Vector';

import { WGS84, type Board } from '../../lib/map';
import { clustersOf, type Cluster, type Spot } from './clusters';
import { areaStyle, clusterMark, markOf, ringStyle } from './drawing';
import type { Item } from './items';

const POINTS = ['findings', 'cases', 'cameras'];
/** Marks nearer than this to each other are put together. */
const SIDE_PX = 44;
/** Closer than this outlines of findings are drawn. */
const OUTLINES_FROM_M = 0.7;
const WORDS_FROM_M = 12;
/** Closer than this nothing is put together any more but what stands in the same place. */
const APART_FROM_M = 0.3;

/** What was clicked: one thing, or several that cannot be told apart. */
export type Picked = Item[];

export class Chart {
  readonly #areas = new VectorSource();
  readonly #marks = new VectorSource();
  readonly #ring = new VectorSource();
  readonly layers = [
    new VectorLayer({ source: this.#areas, zIndex: 10 }),
    new VectorLayer({ source: this.#marks, zIndex: 20, updateWhileAnimating: true, updateWhileInteracting: true }),
    new VectorLayer({ source: this.#ring, zIndex: 30, style: ringStyle() }),
  ];
  readonly #format: GeoJSON;
  readonly #outlines = new Map<Item, Feature>();
  readonly #spots = new Map<Item, Spot<Item>>();
  #items: Item[] = [];
  #dark = false;
  #drawnAt = 0;

  constructor(
    private readonly board: Board,
    private readonly projection: Projection,
  ) {
    this.#format = new GeoJSON({ dataProjection: WGS84, featureProjection: projection });
    board.map.on('moveend', () => {
      const { resolution } = board.zoom;
      if (resolution !== this.#drawnAt || resolution < OUTLINES_FROM_M) this.#draw();
    });
  }

  /** Shows these and nothing else. */
  show(items: Item[], dark: boolean): void {
    this.#items = items;
    this.#dark = dark;
    this.#draw();
  }

  /** Puts a ring around something, or around nothing. */
  choose(item: Item | null): void {
    this.#ring.clear();
    if (item) this.#ring.addFeature(new Feature(new Point(this.#at(item))));
  }

  /** Moves there where it is not in sight. */
  bringIntoSight(item: Item, { closer = false } = {}): void {
    const at = this.#at(item);
    const { view } = this.board;
    const seen = containsCoordinate(view.calculateExtent(), at);
    if (closer && item.outline) {
      const geometry = this.#outline(item).getGeometry();
      if (geometry) view.fit(geometry.getExtent(), { padding: [80, 80, 80, 80], minResolution: 0.1 });
    } else if (!seen) {
      view.setCenter(at);
    }
  }

  /** What of these lies in sight. */
  inSight(items: Item[]): Item[] {
    const extent = this.board.view.calculateExtent();
    return items.filter((item) => containsCoordinate(extent, this.#at(item)));
  }

  /** What lies where somebody clicked; comes closer where it is still several in several places. */
  pick(event: MapBrowserEvent): Picked {
    // The uppermost first: marks before areas.
    const hit = this.board.map.getFeaturesAtPixel(event.pixel, { hitTolerance: 4 });
    const cluster = hit.map((one) => one.get('cluster') as Cluster<Item> | undefined).find(Boolean);
    if (!cluster) {
      const area = hit.map((one) => one.get('item') as Item | undefined).find(Boolean);
      return area ? [area] : [];
    }
    if (cluster.items.length === 1) return cluster.items;
    const extent = createEmpty();
    for (const item of cluster.items) extend(extent, [...this.#at(item), ...this.#at(item)]);
    const spread = Math.max(extent[2]! - extent[0]!, extent[3]! - extent[1]!);
    const { resolution } = this.board.zoom;
    if (spread < 1 || resolution <= APART_FROM_M) return cluster.items;
    this.board.view.fit(extent, { padding: [60, 60, 60, 60], minResolution: APART_FROM_M, duration: 0 });
    return [];
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }

  #at(item: Item): [number, number] {
    const { x, y } = this.#spot(item);
    return [x, y];
  }

  #spot(item: Item): Spot<Item> {
    let spot = this.#spots.get(item);
    if (!spot) {
      const [x, y] = fromLonLat([...item.place], this.projection);
      this.#spots.set(item, (spot = { x: x!, y: y!, item }));
    }
    return spot;
  }

  #outline(item: Item): Feature {
    let feature = this.#outlines.get(item);
    if (!feature) {
      feature = new Feature(this.#format.readGeometry(item.outline) ?? undefined);
      feature.set('item', item);
      this.#outlines.set(item, feature);
    }
    return feature;
  }

  #draw(): void {
    const { resolution } = this.board.zoom;
    this.#drawnAt = resolution;
    const look = { dark: this.#dark, near: resolution < WORDS_FROM_M };
    const outlined = resolution < OUTLINES_FROM_M ? new Set(this.inSight(this.#items)) : null;
    const areas: Feature[] = [];
    const spots: Record<string, Spot<Item>[]> = { findings: [], cases: [], cameras: [] };
    for (const item of this.#items) {
      const isPoint = POINTS.includes(item.layer);
      if (isPoint) spots[item.layer]!.push(this.#spot(item));
      if (item.outline && (!isPoint || outlined?.has(item))) {
        const feature = this.#outline(item);
        feature.setStyle(areaStyle(item, look));
        areas.push(feature);
      }
    }
    const marks = Object.values(spots).flatMap((each) =>
      clustersOf(each, resolution * SIDE_PX).map((cluster) => markFeature(cluster)),
    );
    this.#areas.clear(true);
    this.#areas.addFeatures(areas);
    this.#marks.clear(true);
    this.#marks.addFeatures(marks);
  }
}

function markFeature(cluster: Cluster<Item>): Feature {
  const feature = new Feature(new Point([cluster.x, cluster.y]));
  const [first] = cluster.items;
  feature.set('cluster', cluster, true);
  feature.setStyle(
    cluster.items.length === 1 && first
      ? markOf(first)
      : clusterMark(cluster.items),
  );
  return feature;
}
