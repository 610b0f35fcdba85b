/** Orthophotos of sites, opened when one looks closely enough. */

import { transformExtent } from 'ol/proj';
import { intersects } from 'ol/extent';

import { openCog, orthoLayer, WGS84, type Board } from '../../lib/map';
import { boundsOf, type Item } from './items';

/** Metres of a pixel on the screen from which on orthophotos are worth reading. */
const FROM_M = 1.5;
const MOST = 4;
type Layer = ReturnType<typeof orthoLayer>;

export class Orthos {
  readonly #layers = new Map<string, Layer | null>();

  /** `changed` is called when layers came or went. */
  constructor(
    private readonly board: Board,
    private readonly changed: (layers: Layer[]) => void,
  ) {}

  /** Shows the newest orthophotos of those sites that are looked at; without sites, none. */
  async follow(sites: Item[]): Promise<void> {
    const wanted = new Set(this.#wanted(sites));
    for (const survey of this.#layers.keys()) {
      if (!wanted.has(survey)) this.#drop(survey);
    }
    const missing = [...wanted].filter((survey) => !this.#layers.has(survey));
    for (const survey of missing) this.#layers.set(survey, null);
    this.#tell();
    await Promise.all(missing.map((survey) => this.#open(survey)));
  }

  dispose(): void {
    for (const survey of [...this.#layers.keys()]) this.#drop(survey);
  }

  #wanted(sites: Item[]): string[] {
    const { view } = this.board;
    if ((view.getResolution() ?? Infinity) > FROM_M) return [];
    const extent = view.calculateExtent();
    const inSight = sites.filter((site) => {
      if (!site.ortho || !site.outline) return false;
      const bounds = boundsOf([site.outline]);
      return intersects(extent, transformExtent(bounds, WGS84, view.getProjection()));
    });
    return inSight.slice(0, MOST).map((site) => site.ortho!);
  }

  async #open(survey: string): Promise<void> {
    try {
      const cog = await openCog(`/api/v1/surveys/${survey}/ortho`);
      if (this.#layers.has(survey)) {
        this.#layers.set(survey, orthoLayer(cog, { zIndex: 0 }));
        this.#tell();
      }
    } catch {
      // The map is of use without it; the surveys' page says what is wrong with the file.
    }
  }

  #drop(survey: string): void {
    this.#layers.get(survey)?.dispose();
    this.#layers.delete(survey);
  }

  #tell(): void {
    this.changed([...this.#layers.values()].filter((layer) => layer !== null));
  }
}
