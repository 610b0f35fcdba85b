/** What the viewers read out of a finding's document, with its types. */

import type { Schemas } from '../../../lib/api/client';
import type { Bounds, Datum, GeoJsonArea } from '../../../lib/map';

export type Finding = Schemas['FindingPublic'];
export type Piece = Schemas['EvidencePublic'];

/** What a reviewer drew: saved by `correct`. */
export interface Edit {
  geometry?: GeoJsonArea;
  bbox_xyxy?: [number, number, number, number];
  /** Why it cannot be saved as it is: it crosses itself, or nothing is left of it. */
  fault?: 'few' | 'crossing' | 'empty' | null;
}

/** Which ground a picture shows. */
export interface Ground {
  crs: string;
  bounds: Bounds;
  /** How much further east and north its own survey has this ground. */
  shift_m: [east: number, north: number];
}

export interface Document {
  evidence: { role: string; sha256: string; taken_at: string | null; ground?: Ground | null }[];
  bbox_xyxy: [number, number, number, number] | null;
  first_seen: string | null;
  last_seen: string | null;
  measures: Record<string, { value: number; unit: string }>;
  attributes: Record<string, string>;
  rule: { name: string; version: string; thresholds: Record<string, number | string> };
  source: { type: 'survey_pair' } | { type: 'camera'; camera_id: string; zone: string };
}

export function documentOf(finding: Finding): Document {
  return finding.document as unknown as Document;
}

/** What a viewer has to be set up anew for: the same finding read again, with the same evidence, goes
 * on as it is looked at. */
export function evidenceKey(finding: Finding): string {
  return [finding.id, ...finding.evidence.map(({ id, deleted_at }) => id + (deleted_at ?? ''))].join();
}

/** A file in the manifest of a camera's evidence. */
export interface ManifestFile {
  path: string;
  role: string;
  sha256: string;
  taken_at: string | null;
  ends_at: string | null;
  box_xyxy: [number, number, number, number] | null;
  made_from: string | null;
}

export interface ComparisonResult {
  height_datum?: Omit<Datum, 'centre'> | null;
  gsd_m?: number;
}

/** The newest sighting's piece of a role. */
export function pieceOf(finding: Finding, role: string): Piece | null {
  const wanted = documentOf(finding).evidence?.find((each) => each.role === role)?.sha256;
  const pieces = finding.evidence.filter((piece) => piece.role === role && !piece.deleted_at);
  return pieces.find((piece) => piece.sha256 === wanted) ?? pieces[0] ?? null;
}

export function groundOf(finding: Finding, role: string): Ground | null {
  return documentOf(finding).evidence?.find((each) => each.role === role)?.ground ?? null;
}
