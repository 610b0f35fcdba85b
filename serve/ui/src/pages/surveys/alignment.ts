/** What a comparison tells of how two surveys were brought together. */

export interface TiePoint {
  x_m: number;
  y_m: number;
  dx_m: number;
  dy_m: number;
  residual_m: number;
  kept: boolean;
}
export interface Alignment {
  matched: boolean;
  offset_x_m: number;
  offset_y_m: number;
  rotation_deg: number;
  scale: number;
  local_warp_max_m: number;
  tie_points_tried: number;
  tie_points_kept: number;
  residual_rmse_m: number;
  residual_rmse_px: number;
  tie_points?: TiePoint[];
}
export interface HeightDatum {
  offset_m: number;
  noise_m: number;
  stable_share: number;
}
export interface Ground {
  compared_area_m2: number;
  bare_soil_before_m2: number;
  bare_soil_after_m2: number;
  net_covered_after_m2: number;
  vegetation_before_m2: number;
  vegetation_after_m2: number;
}
/** What a comparison's `result` and its document hold, as far as it is shown. */
export interface Result {
  findings: Record<string, number>;
  alignment: Alignment;
  height_datum: HeightDatum | null;
  ground: Ground | null;
  options: Record<string, unknown>;
  cues: string[];
  gsd_m: number;
  crs: string;
  timings_s: Record<string, number>;
  versions: Record<string, string>;
}

/** Bars of a histogram of residuals: [upper end in metres, how many]. */
export function histogram(residuals: readonly number[], bars: number): [number, number][] {
  const top = Math.max(...residuals, 1e-6);
  const counts = Array<number>(bars).fill(0);
  for (const each of residuals) {
    counts[Math.min(bars - 1, Math.floor((each / top) * bars))]! += 1;
  }
  return counts.map((count, at) => [((at + 1) * top) / bars, count]);
}

/** Value below which a share of all lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
