/** The two surveys that a finding comes from: their rasters, opened when they are wanted. */

import { api, take, type Schemas } from '../../../lib/api/client';
import { openCog, type Cog, type Datum } from '../../../lib/map';
import type { ComparisonResult } from './finding';

type Comparison = Schemas['ComparisonPublic'];
type Survey = Schemas['SurveyPublic'];

const KEPT = 40;

/** Answers that are asked for again and again while one reviews: those of the last few. */
function remembered<T>(read: (id: string) => Promise<T>): (id: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (id) => {
    const found = known.get(id);
    if (found) return found;
    const made = read(id);
    known.set(id, made);
    made.catch(() => known.delete(id));
    for (const old of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(old);
    }
    return made;
  };
}

export const comparisonOf = remembered<Comparison>((comparison_id) =>
  take(api.GET('/api/v1/comparisons/{comparison_id}', { params: { path: { comparison_id } } })),
);
export const surveyOf = remembered<Survey>((survey_id) =>
  take(api.GET('/api/v1/surveys/{survey_id}', { params: { path: { survey_id } } })),
);

/** The coordinate system that a survey's picture lies in. */
export function crsOf(survey: Survey): string | null {
  return (survey.facts.ortho as { crs?: string } | undefined)?.crs ?? null;
}

export const orthoOf = (surveyId: string): Promise<Cog> => openCog(`/api/v1/surveys/${surveyId}/ortho`);
export const changeOf = (comparisonId: string): Promise<Cog> => openCog(`/api/v1/comparisons/${comparisonId}/change`);

/** Both surface models and how they lie to each other; none where a survey came without. */
export async function surfacesOf(
  comparison: Comparison,
): Promise<{ before: Cog; after: Cog; datum: Datum | null } | null> {
  const [first, second] = await Promise.all([surveyOf(comparison.before_id), surveyOf(comparison.after_id)]);
  if (!first.has_dsm || !second.has_dsm) return null;
  const [before, after, change] = await Promise.all([
    openCog(`/api/v1/surveys/${first.id}/dsm`),
    openCog(`/api/v1/surveys/${second.id}/dsm`),
    changeOf(comparison.id),
  ]);
  if (before.projection.getCode() !== after.projection.getCode()) return null;
  const [left, bottom, right, top] = change.bounds;
  const found = (comparison.result as ComparisonResult | null)?.height_datum;
  const datum = found ? { ...found, centre: [(left + right) / 2, (bottom + top) / 2] as const } : null;
  return { before, after, datum };
}
