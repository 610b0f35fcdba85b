/** Saving a camera that others may change at the same time. */

import { api, ApiError, takeWhole, type Schemas } from '../../lib/api/client';
import type { Camera } from './words';

export type Changes = Schemas['CameraUpdate'];
export interface Saved {
  data: Camera;
  headers: Headers;
}

/** Somebody else changed the camera since it was read. */
export class Overtaken extends Error {
  constructor(
    /** The camera as it is now. */
    readonly camera: Camera,
    readonly etag: string,
    /** What they changed, by name. */
    readonly theirs: string[],
  ) {
    super('overtaken');
  }
}

const PARTS = [
  'name', 'address', 'location', 'direction', 'timezone', 'sample_step_s', 'tiles', 'thresholds',
  'zones', 'privacy_masks', 'enabled',
] as const;

/** Saves changes of the version that `etag` names.
 *
 * Throws `Overtaken` where it is not the current one and something that is set was changed; where
 * only how it is watched went on (it was enabled, say), the changes are saved over that. */
export async function save(before: Camera, etag: string, changes: Changes): Promise<Saved> {
  const path = { camera_id: before.id };
  try {
    return await takeWhole(
      api.PATCH('/api/v1/cameras/{camera_id}', {
        params: { path, header: { 'if-match': etag } }, body: changes,
      }),
    );
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 412) throw error;
  }
  const { data, headers } = await takeWhole(
    api.GET('/api/v1/cameras/{camera_id}', { params: { path } }),
  );
  const theirs = PARTS.filter((part) => JSON.stringify(data[part]) !== JSON.stringify(before[part]));
  const now = headers.get('ETag') ?? '';
  if (theirs.some((part) => part !== 'enabled' && part in changes)) throw new Overtaken(data, now, theirs);
  return save(data, now, changes);
}
