/** What the field calls things, in both languages: shared by all pages. */

import { texts } from './language.svelte';

const KINDS = texts({
  new_structure: ['新增建筑物', 'New structure'],
  removed_structure: ['拆除建筑物', 'Removed structure'],
  land_clearing: ['推填土', 'Land clearing'],
  dust_hotspot: ['扬尘点', 'Dust hotspot'],
  illegal_parking: ['违法停车', 'Illegal parking'],
  street_vending: ['占道经营', 'Street vending'],
  muck_truck_overload: ['渣土车超载', 'Muck-truck overload'],
  muck_truck_uncovered: ['渣土车未密闭', 'Uncovered muck truck'],
});
export type Kind = keyof typeof KINDS;
export const ALL_KINDS = Object.keys(KINDS) as Kind[];
export const SURVEY_KINDS: readonly string[] = ALL_KINDS.slice(0, 4);
export const CAMERA_KINDS: readonly string[] = ALL_KINDS.slice(4);

const FINDING_STATES = texts({
  suspected: ['待审核', 'To review'],
  confirmed: ['已确认', 'Confirmed'],
  rejected: ['已排除', 'Rejected'],
  expired: ['已过期', 'Expired'],
});
// As the service names them (serve/cases/states.py), in the words of 数字城管.
const CASE_STATES = texts({
  drafted: ['待报送', 'To be sent'],
  delivered: ['已报送', 'Delivered'],
  filed: ['已立案', 'Filed'],
  dispatched: ['已派遣', 'Dispatched'],
  handling: ['处置中', 'Being handled'],
  reported: ['已反馈', 'Reported back'],
  verified: ['已核查', 'Verified'],
  closed: ['已结案', 'Closed'],
  refused: ['不予立案', 'Refused'],
  withdrawn: ['已撤回', 'Withdrawn'],
  dead: ['报送失败', 'Not deliverable'],
});
export type CaseStateCode = keyof typeof CASE_STATES;
export const ALL_CASE_STATES = Object.keys(CASE_STATES) as CaseStateCode[];

/** A word from a table, or the code itself where a city has codes of its own. */
function word(table: Record<string, string>, code: string): string {
  return table[code] ?? code;
}
export const kindName = (kind: string): string => word(KINDS, kind);
export const findingState = (state: string): string => word(FINDING_STATES, state);
export const caseState = (state: string): string => word(CASE_STATES, state);
