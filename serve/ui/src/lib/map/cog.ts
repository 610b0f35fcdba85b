/** Cloud-optimised GeoTIFFs, read by ranges and drawn tile by tile on plain canvas.
 *
 * Canvas and not WebGL: it draws on every machine, it has no contexts that run out in a long
 * sitting, and two rasters of different grids can be held against each other while reading. */

import { fromUrl, GeoTIFF, GeoTIFFImage, Pool } from 'geotiff';
import TileLayer from 'ol/layer/Tile';
import type { Projection } from 'ol/proj';
import ImageTile from 'ol/source/ImageTile';
import TileGrid from 'ol/tilegrid/TileGrid';

import type { Bounds } from './projections';
import { projection } from './projections';
import type { Ramp } from './ramps';

/** A file that cannot be drawn here, and why. */
export class UnreadableCog extends Error {
  constructor(
    readonly reason: 'projection' | 'file',
    detail: string,
  ) {
    super(detail);
  }
}

let workers: Pool | null = null;

/** Decoding happens in two workers for the whole page; they live as long as it. */
function pool(): Pool {
  return (workers ??= new Pool(Math.min(2, navigator.hardwareConcurrency || 1)));
}

interface Level {
  image: GeoTIFFImage;
  mask: GeoTIFFImage | null;
  resolution: number;
}

const CACHE_BLOCKS = 160;
const KEPT = 8;
const opened = new Map<string, Promise<Cog>>();

/** Opens a COG; those opened lately are kept, with the pieces that were read of them. */
export function openCog(url: string): Promise<Cog> {
  const known = opened.get(url);
  if (known) {
    opened.delete(url);
    opened.set(url, known);
    return known;
  }
  const made = Cog.open(url);
  opened.set(url, made);
  made.catch(() => opened.delete(url));
  for (const old of opened.keys()) {
    if (opened.size <= KEPT) break;
    opened.delete(old);
  }
  return made;
}

export class Cog {
  private constructor(
    readonly projection: Projection,
    readonly bounds: Bounds,
    readonly noData: number | null,
    /** Finest first. */
    private readonly levels: Level[],
  ) {}

  static async open(url: string): Promise<Cog> {
    let tiff: GeoTIFF;
    let images: GeoTIFFImage[];
    try {
      tiff = await fromUrl(url, { blockSize: 65_536, cacheSize: CACHE_BLOCKS });
      const count = await tiff.getImageCount();
      images = await Promise.all(Array.from({ length: count }, (_, k) => tiff.getImage(k)));
    } catch (error) {
      throw new UnreadableCog('file', String(error));
    }
    const [main] = images;
    if (!main) throw new UnreadableCog('file', 'there is no picture in it');
    const keys = main.getGeoKeys();
    const code = keys?.ProjectedCSTypeGeoKey ?? keys?.GeographicTypeGeoKey;
    const known = projection(`EPSG:${code}`);
    if (!known) throw new UnreadableCog('projection', `EPSG:${code}`);
    const kinds = await Promise.all(
      images.map(async (image) => Number((await image.fileDirectory.loadValue('NewSubfileType')) ?? 0)),
    );
    const masks = images.filter((_, k) => (kinds[k]! & 4) !== 0);
    const bounds = main.getBoundingBox() as Bounds;
    const levels = images
      .filter((_, k) => (kinds[k]! & 4) === 0)
      .map((image) => ({
        image,
        mask: masks.find((mask) => mask.getWidth() === image.getWidth() && mask.getHeight() === image.getHeight()) ?? null,
        resolution: (bounds[2] - bounds[0]) / image.getWidth(),
      }))
      .sort((a, b) => a.resolution - b.resolution);
    return new Cog(known, bounds, main.getGDALNoData(), levels);
  }

  get resolution(): number {
    return this.levels[0]!.resolution;
  }

  /** Its tiles as they lie in the file; moved by `shift` (map units east and north). */
  tileGrid(shift: readonly [number, number] = [0, 0]): TileGrid {
    const coarseFirst = [...this.levels].reverse();
    const [dx, dy] = shift;
    const [left, bottom, right, top] = this.bounds;
    return new TileGrid({
      extent: [left + dx, bottom + dy, right + dx, top + dy],
      origin: [left + dx, top + dy],
      resolutions: coarseFirst.map((level) => level.resolution),
      tileSizes: coarseFirst.map(({ image }) => [image.getTileWidth(), image.getTileHeight()]),
    });
  }

  /** A tile's colours as a canvas of the tile's size; what holds no data is transparent. */
  async tile(z: number, x: number, y: number, signal?: AbortSignal): Promise<HTMLCanvasElement> {
    const level = this.levels[this.levels.length - 1 - z]!;
    const { image, mask } = level;
    const [tw, th] = [image.getTileWidth(), image.getTileHeight()];
    const window = [x * tw, y * th, Math.min((x + 1) * tw, image.getWidth()), Math.min((y + 1) * th, image.getHeight())];
    const [w, h] = [window[2]! - window[0]!, window[3]! - window[1]!];
    const canvas = document.createElement('canvas');
    canvas.width = tw;
    canvas.height = th;
    if (w <= 0 || h <= 0) return canvas;
    const bands = image.getSamplesPerPixel();
    const [colours, seen] = await Promise.all([
      bands === 3
        ? image.readRGB({ window, pool: pool(), interleave: true, signal })
        : image.readRasters({ window, pool: pool(), interleave: true, signal, samples: bands > 3 ? [0, 1, 2, 3] : [0] }),
      mask ? mask.readRasters({ window, pool: pool(), interleave: true, signal }) : null,
    ]);
    const out = new ImageData(w, h);
    const from = colours as unknown as ArrayLike<number>;
    const shown = seen as unknown as ArrayLike<number> | null;
    const step = bands > 3 ? 4 : bands === 3 ? 3 : 1;
    for (let i = 0; i < w * h; i++) {
      const [r, g, b] = step === 1 ? [from[i]!, from[i]!, from[i]!] : [from[i * step]!, from[i * step + 1]!, from[i * step + 2]!];
      const none = this.noData !== null && r === this.noData && g === this.noData && b === this.noData;
      const alpha = step === 4 ? from[i * 4 + 3]! : 255;
      out.data.set([r!, g!, b!, none || shown?.[i] === 0 ? 0 : alpha], i * 4);
    }
    canvas.getContext('2d')!.putImageData(out, 0, 0);
    return canvas;
  }

  /** Values of the first band on a rectangle of ground, north up; NaN where there are none.
   *
   * Read from the level that is as fine as asked for, the nearest value for each pixel. */
  async sample(bounds: Bounds, width: number, height: number, signal?: AbortSignal): Promise<Float32Array> {
    const out = new Float32Array(width * height).fill(NaN);
    const wanted = (bounds[2] - bounds[0]) / width;
    const level = [...this.levels].reverse().find((each) => each.resolution <= wanted * 1.2) ?? this.levels[0]!;
    const { image, resolution } = level;
    const [left, , , top] = this.bounds;
    const toColumn = (px: number) => (bounds[0] + (px + 0.5) * wanted - left) / resolution;
    const tall = (bounds[3] - bounds[1]) / height;
    const toRow = (py: number) => (top - (bounds[3] - (py + 0.5) * tall)) / resolution;
    const x0 = Math.max(0, Math.floor(toColumn(0)));
    const y0 = Math.max(0, Math.floor(toRow(0)));
    const x1 = Math.min(image.getWidth(), Math.ceil(toColumn(width - 1)) + 1);
    const y1 = Math.min(image.getHeight(), Math.ceil(toRow(height - 1)) + 1);
    if (x1 <= x0 || y1 <= y0) return out;
    const read = (await image.readRasters({
      window: [x0, y0, x1, y1], samples: [0], interleave: true, pool: pool(), signal,
    })) as unknown as ArrayLike<number>;
    for (let py = 0; py < height; py++) {
      const row = Math.floor(toRow(py));
      if (row < y0 || row >= y1) continue;
      for (let px = 0; px < width; px++) {
        const column = Math.floor(toColumn(px));
        if (column < x0 || column >= x1) continue;
        const value = read[(row - y0) * (x1 - x0) + (column - x0)]!;
        if (value !== this.noData) out[py * width + px] = value;
      }
    }
    return out;
  }
}

export interface CogLayerOptions {
  /** Moves the picture by so much, map units east and north. */
  shift?: readonly [number, number];
  opacity?: number;
  zIndex?: number;
}

type Loader = (z: number, x: number, y: number, signal?: AbortSignal) => Promise<HTMLCanvasElement>;

function layerOf(grid: TileGrid, on: Projection, load: Loader, options: CogLayerOptions): TileLayer<ImageTile> {
  const source = new ImageTile({
    projection: on,
    tileGrid: grid,
    wrapX: false,
    transition: 120,
    loader: (z, x, y, { signal }) => load(z, x, y, signal),
  });
  return new TileLayer({
    source, opacity: options.opacity ?? 1, zIndex: options.zIndex,
    extent: grid.getExtent() ?? undefined,
  });
}

/** An orthophoto in its own colours. `layer.dispose()` when it is no longer needed. */
export function orthoLayer(cog: Cog, options: CogLayerOptions = {}): TileLayer<ImageTile> {
  return layerOf(cog.tileGrid(options.shift), cog.projection, (z, x, y, signal) => cog.tile(z, x, y, signal), options);
}

function coloured(values: Float32Array, width: number, height: number, ramp: Ramp): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const out = new ImageData(width, height);
  values.forEach((value, i) => {
    if (!Number.isNaN(value)) out.data.set(ramp(value), i * 4);
  });
  canvas.getContext('2d')!.putImageData(out, 0, 0);
  return canvas;
}

function measuredLayer(
  cog: Cog,
  ramp: Ramp,
  values: (bounds: Bounds, width: number, height: number, signal?: AbortSignal) => Promise<Float32Array>,
  options: CogLayerOptions,
): TileLayer<ImageTile> {
  const grid = cog.tileGrid();
  const load: Loader = async (z, x, y, signal) => {
    const bounds = grid.getTileCoordExtent([z, x, y]) as Bounds;
    const size = grid.getTileSize(z) as number[];
    return coloured(await values(bounds, size[0]!, size[1]!, signal), size[0]!, size[1]!, ramp);
  };
  return layerOf(grid, cog.projection, load, options);
}

/** The probability of change that a comparison wrote: bytes, 250 is certain. */
export function probabilityLayer(cog: Cog, ramp: Ramp, options: CogLayerOptions = {}): TileLayer<ImageTile> {
  return measuredLayer(cog, ramp, async (...window) => (await cog.sample(...window)).map((value) => value / 250), options);
}

/** How the later surface model lies above the earlier one on ground that did not change. */
export interface Datum {
  offset_m: number;
  tilt_x_m_per_km: number;
  tilt_y_m_per_km: number;
  /** Where the offset holds, in map units. */
  centre: readonly [number, number];
}

/** What rose and what fell between two surface models, in the later one's grid.
 *
 * `shift` says how much further east and north the earlier survey has the same ground. */
export function dsmDifferenceLayer(
  before: Cog,
  after: Cog,
  ramp: Ramp,
  { shift = [0, 0], datum = null, ...options }: CogLayerOptions & { datum?: Datum | null } = {},
): TileLayer<ImageTile> {
  return measuredLayer(after, ramp, async (bounds, width, height, signal) => {
    const [left, bottom, right, top] = bounds;
    const moved: Bounds = [left + shift[0], bottom + shift[1], right + shift[0], top + shift[1]];
    const [low, high] = await Promise.all([
      before.sample(moved, width, height, signal),
      after.sample(bounds, width, height, signal),
    ]);
    const pixel = (right - left) / width;
    return high.map((value, i) => {
      if (!datum) return value - low[i]!;
      const x = left + ((i % width) + 0.5) * pixel - datum.centre[0];
      const y = top - (Math.floor(i / width) + 0.5) * pixel - datum.centre[1];
      const plane = datum.offset_m + (x * datum.tilt_x_m_per_km + y * datum.tilt_y_m_per_km) / 1000;
      return value - plane - low[i]!;
    });
  }, options);
}
