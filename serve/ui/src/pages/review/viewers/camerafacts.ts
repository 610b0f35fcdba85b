/** What a camera finding shows: its pictures with their boxes, its clip, its zone. */

import { api, take } from '../../../lib/api/client';
import { picturesOf, type EvidenceStore } from './evidence';
import { documentOf, type Finding, type ManifestFile, type Piece } from './finding';

type Box = [number, number, number, number];

export interface Shot {
  piece: Piece;
  /** `scene_start`, `load_2`, `close_up` … */
  role: string;
  at: string | null;
  /** Whether it shows the whole frame; a close-up does not. */
  whole: boolean;
  /** What was watched, in this picture; shares of the frame. */
  box: Box | null;
  /** Under seal: whoever looks at it is recorded. */
  original: Piece | null;
}

export interface CameraFacts {
  shots: Shot[];
  /** The picture that the finding's box is of. */
  judged: Shot | null;
  clip: { piece: Piece; from: string | null; to: string | null } | null;
}

async function manifestOf(finding: Finding, store: EvidenceStore): Promise<ManifestFile[]> {
  const piece = finding.evidence.find((each) => each.role === 'manifest' && !each.deleted_at);
  if (!piece) return [];
  try {
    return ((await store.json(piece.id)) as { files?: ManifestFile[] }).files ?? [];
  } catch {
    // Without it, pictures are shown all the same; boxes of the others are not known then.
    return [];
  }
}

function apart(a: Box | null, b: Box | null): number {
  return a && b ? a.reduce((sum, value, k) => sum + Math.abs(value - b[k]!), 0) : Infinity;
}

export async function cameraFacts(finding: Finding, store: EvidenceStore): Promise<CameraFacts> {
  const files = await manifestOf(finding, store);
  const bySha = new Map(files.map((file) => [file.sha256, file]));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const sealed = (sha256: string | undefined) =>
    finding.evidence.find((piece) => piece.sealed && !piece.deleted_at && piece.sha256 === sha256) ?? null;
  const shots = picturesOf(finding).map((piece): Shot => {
    const from = byPath.get(bySha.get(piece.sha256)?.made_from ?? '');
    return {
      piece, role: piece.role, at: piece.taken_at, whole: piece.role !== 'close_up',
      box: from?.box_xyxy ?? null, original: sealed(from?.sha256),
    };
  });
  const wanted = documentOf(finding).bbox_xyxy;
  const scenes = shots.filter((shot) => shot.whole);
  const judged = [...scenes].sort((a, b) => apart(a.box, wanted) - apart(b.box, wanted))[0] ?? null;
  // Without a manifest, the finding's own box is of the picture taken last.
  if (judged && !judged.box && scenes.length) scenes.at(-1)!.box = wanted;
  const clip = finding.evidence.find((piece) => piece.role === 'clip' && !piece.deleted_at);
  const clipFile = clip && bySha.get(clip.sha256);
  return {
    shots,
    judged: judged?.box ? judged : (scenes.at(-1) ?? null),
    clip: clip ? { piece: clip, from: clip.taken_at, to: clipFile?.ends_at ?? null } : null,
  };
}

/** Corners are shares of the frame. */
export interface ZoneShown {
  name: string;
  polygon: number[][];
}
const cameras = new Map<string, Promise<ZoneShown[]>>();

/** The zone as it is set now; none where the camera or the zone is gone. */
export async function zoneOf(finding: Finding): Promise<ZoneShown | null> {
  const camera_id = finding.camera_id;
  if (!camera_id) return null;
  const zones =
    cameras.get(camera_id) ??
    take(api.GET('/api/v1/cameras/{camera_id}', { params: { path: { camera_id } } })).then(
      (camera) => camera.zones.map(({ name, polygon }): ZoneShown => ({ name, polygon })),
      () => [],
    );
  cameras.set(camera_id, zones);
  if (cameras.size > 50) cameras.delete(cameras.keys().next().value!);
  return (await zones).find((zone) => zone.name === finding.zone) ?? null;
}

/** Seconds after which the finding's rule holds; none where time does not decide. */
export function limitOf(finding: Finding): number | null {
  const { rule, measures } = documentOf(finding);
  const limit = rule.thresholds.dwell_s;
  return typeof limit === 'number' && measures.dwell_s ? limit : null;
}
