/** The layers of one survey finding, from the pictures that are there at once to the rasters. */

import type BaseLayer from 'ol/layer/Base';
import type { Projection } from 'ol/proj';

import {
  boundsIn, changeRamp, dsmDifferenceLayer, heightRamp, orthoLayer, pictureLayer, probabilityLayer, projection,
  UnreadableCog, type Board, type Bounds,
} from '../../../lib/map';
import { ApiError } from '../../../lib/api/client';
import { grown, neighboursOf, registersAt, type DrawnRegister } from './around';
import type { EvidenceStore } from './evidence';
import { groundOf, pieceOf, type Finding } from './finding';
import type { Mode } from './looking.svelte';
import { changeOf, comparisonOf, crsOf, orthoOf, surfacesOf, surveyOf } from './pair';
import { clipTo } from './swipe';

type Name =
  | 'beforePicture' | 'afterPicture' | 'heightPicture' | 'beforeOrtho' | 'afterOrtho'
  | 'height' | 'change' | 'neighbours' | 'registers';

/** What could not be had: told once, quietly; the pictures are there all the same. */
export type Notice = 'gone' | 'projection' | 'file' | 'offline';

/** Which layers are wanted, and how. */
export interface Wanted {
  mode: Mode;
  shown: 'before' | 'after';
  height: boolean;
  change: boolean;
  neighbours: boolean;
  registers: boolean;
  opacity: number;
}

export interface Place {
  projection: Projection;
  /** What is shown first. */
  bounds: Bounds;
}

const CALM_MS = 350;
const AROUND = 0.8;

export class SurveyScene {
  place: Place | null = null;
  notices = new Set<Notice>();
  hasHeights = false;
  registers: DrawnRegister[] = [];
  #layers = new Map<Name, BaseLayer>();
  #clips = new Map<BaseLayer, () => void>();
  #turn = 0;
  #finding: Finding | null = null;
  #wait: ReturnType<typeof setTimeout> | undefined;
  #asked = new Set<string>();
  #pending = 0;
  #detailed = false;
  /** Whether the raster of heights has shown something. */
  #drawn = false;

  /** @param changed Called whenever layers came or went.
   *  @param swipe Where the line is, share of the width; none where it does not hold.
   *  @param width Of the map in CSS pixels. */
  constructor(
    private readonly changed: () => void,
    private readonly swipe: () => number | null,
    private readonly width: () => number,
  ) {}

  /** Shows another finding; resolves when its pictures are layers, false where another came first. */
  async show(finding: Finding, store: EvidenceStore): Promise<boolean> {
    const turn = ++this.#turn;
    this.#clear();
    this.#finding = finding;
    const place = await this.#find(finding);
    if (turn !== this.#turn) return false;
    this.place = place;
    if (!place) return true;
    const roles = [['before', 'beforePicture'], ['after', 'afterPicture'], ['height', 'heightPicture']] as const;
    const pictures = await Promise.all(
      roles.map(async ([role, name]) => {
        const [piece, ground] = [pieceOf(finding, role), groundOf(finding, role)];
        if (!piece || !ground) return null;
        try {
          return { name, ground, picture: await store.picture(piece.id, finding.id) };
        } catch (error) {
          this.#told(error);
          return null;
        }
      }),
    );
    if (turn !== this.#turn) return false;
    for (const found of pictures) {
      if (!found) continue;
      const z = { beforePicture: 0, afterPicture: 10, heightPicture: 30 }[found.name];
      this.#put(found.name, pictureLayer(found.picture.url, found.ground.bounds, place.projection, { zIndex: z }));
    }
    this.hasHeights = this.#layers.has('heightPicture');
    this.changed();
    clearTimeout(this.#wait);
    // Whoever goes through findings quickly does not wait for rasters, and does not ask for them.
    this.#wait = setTimeout(() => void this.#detail(turn, finding, place), pictures.some(Boolean) ? CALM_MS : 0);
    return true;
  }

  /** Whether all that was asked for is there, or is known not to be. */
  get settled(): boolean {
    return this.#detailed && this.#pending === 0;
  }

  /** Puts together what a board shows. */
  compose(wanted: Wanted, side: 'main' | 'second'): BaseLayer[] {
    const pick = (...names: Name[]) => names.map((name) => this.#layers.get(name)).filter((layer) => layer !== undefined);
    const before = pick('beforePicture', 'beforeOrtho');
    const after = pick('afterPicture', 'afterOrtho');
    if (side === 'second') return before;
    const ground =
      wanted.mode === 'swipe' ? [...before, ...after] : wanted.mode === 'side' ? after : wanted.shown === 'before' ? before : after;
    const measured = [
      // The kept picture holds the place until the first tile of the raster is there.
      ...(wanted.height ? pick(...(this.#drawn ? [] : (['heightPicture'] as const)), 'height') : []),
      ...(wanted.change ? pick('change') : []),
    ];
    for (const layer of measured) layer.setOpacity(wanted.opacity);
    return [
      ...ground, ...measured,
      ...(wanted.registers ? pick('registers') : []),
      ...(wanted.neighbours ? pick('neighbours') : []),
    ];
  }

  /** Fetches what the wanted layers need and was not fetched yet. */
  want(wanted: Wanted): void {
    const [finding, place, turn] = [this.#finding, this.place, this.#turn];
    if (!finding?.comparison_id || !place) return;
    const id = finding.comparison_id;
    if (wanted.change) this.#once('change', turn, async () => {
      const cog = await changeOf(id);
      return probabilityLayer(cog, changeRamp, { zIndex: 25 });
    });
    if (wanted.height) this.#once('height', turn, async () => {
      const found = await surfacesOf(await comparisonOf(id));
      if (!found) return null;
      const shift = groundOf(finding, 'before')?.shift_m ?? [0, 0];
      const layer = dsmDifferenceLayer(found.before, found.after, heightRamp, { shift, datum: found.datum, zIndex: 20 });
      layer.getSource()?.once('tileloadend', () => {
        if (turn !== this.#turn) return;
        this.#drawn = true;
        this.changed();
      });
      return layer;
    });
  }

  #once(name: Name, turn: number, make: () => Promise<BaseLayer | null>): void {
    if (this.#asked.has(name)) return;
    this.#asked.add(name);
    this.#pending += 1;
    make().then(
      (layer) => {
        if (turn !== this.#turn) return layer?.dispose();
        this.#pending -= 1;
        if (layer) this.#put(name, layer);
        this.changed();
      },
      (error: unknown) => {
        if (turn !== this.#turn) return;
        this.#pending -= 1;
        this.#told(error);
      },
    );
  }

  /** Surveys themselves, around and finer than the pictures; then what else is there. */
  async #detail(turn: number, finding: Finding, place: Place): Promise<void> {
    const id = finding.comparison_id;
    if (id) {
      const [dx, dy] = groundOf(finding, 'before')?.shift_m ?? [0, 0];
      const comparison = comparisonOf(id);
      this.#once('beforeOrtho', turn, async () =>
        orthoLayer(await orthoOf((await comparison).before_id), { shift: [-dx, -dy], zIndex: 5 }));
      this.#once('afterOrtho', turn, async () => {
        const { before_id, after_id } = await comparison;
        const pair = await Promise.all([surveyOf(before_id), surveyOf(after_id)]);
        if (turn === this.#turn) this.hasHeights ||= pair.every((survey) => survey.has_dsm);
        return orthoLayer(await orthoOf(after_id), { zIndex: 15 });
      });
    }
    this.#detailed = true;
    if (!finding.bounds) return this.changed();
    const box = grown(finding.bounds, 0);
    const room = 30 / 111_000;
    const around = grown([box[0] - room, box[1] - room, box[2] + room, box[3] + room], AROUND);
    this.#once('neighbours', turn, () => neighboursOf(finding.id, around, place.projection));
    this.#once('registers', turn, async () => {
      const found = await registersAt(around, place.projection);
      this.registers = found.kinds;
      return found.layer;
    });
  }

  async #find(finding: Finding): Promise<Place | null> {
    const ground = groundOf(finding, 'after') ?? groundOf(finding, 'before');
    const known = projection(ground?.crs);
    if (ground && known) return { projection: known, bounds: ground.bounds };
    if (!finding.bounds || !finding.comparison_id) return null;
    try {
      const comparison = await comparisonOf(finding.comparison_id);
      const found = projection(crsOf(await surveyOf(comparison.after_id)));
      if (!found) {
        this.notices.add('projection');
        return null;
      }
      const room = 12 / 111_000;
      const [west, south, east, north] = finding.bounds;
      return { projection: found, bounds: boundsIn([west - room, south - room, east + room, north + room], found) };
    } catch (error) {
      this.#told(error);
      return null;
    }
  }

  #told(error: unknown): void {
    if (error instanceof UnreadableCog) this.notices.add(error.reason);
    else if (error instanceof ApiError && error.status === 0) this.notices.add('offline');
    else this.notices.add('gone');
    this.changed();
  }

  #put(name: Name, layer: BaseLayer): void {
    this.#layers.set(name, layer);
    const side = name.startsWith('before') ? 'left' : name.startsWith('after') ? 'right' : null;
    if (side) this.#clips.set(layer, clipTo(side, layer, this.width, this.swipe));
  }

  #clear(): void {
    clearTimeout(this.#wait);
    this.place = null;
    this.notices = new Set();
    this.registers = [];
    this.hasHeights = false;
    this.#asked.clear();
    this.#pending = 0;
    this.#detailed = false;
    this.#drawn = false;
    for (const end of this.#clips.values()) end();
    this.#clips.clear();
    for (const layer of this.#layers.values()) layer.dispose();
    this.#layers.clear();
    this.changed();
  }

  dispose(): void {
    this.#turn += 1;
    this.#clear();
  }
}

/** Shows a place on a board: the whole, or as closely as one looked before. */
export function lookAt(board: Board, place: Place, resolution: number | null): void {
  const { bounds } = place;
  if (board.view.getProjection() !== place.projection) {
    board.begin(place.projection, bounds, { reach: Infinity, padding: 8, finest: 0.005, coarsest: 8 });
  } else {
    board.whole = bounds;
    board.fit();
  }
  if (resolution !== null) {
    board.zoom = { resolution, centre: [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2] };
  }
}
