/** What the ledger's entries are about. */

import { texts } from '../../lib/language.svelte';

const SUBJECT_NAMES = texts({
  user: ['用户', 'user'],
  token: ['令牌', 'token'],
  upload: ['上传', 'upload'],
  site: ['航测区域', 'site'],
  survey: ['航测', 'survey'],
  comparison: ['比对', 'comparison'],
  camera: ['摄像头', 'camera'],
  finding: ['发现', 'finding'],
  evidence: ['证据', 'evidence'],
  case: ['案件', 'case'],
  register: ['登记库', 'register'],
  export: ['导出', 'export'],
});
const GROUP_NAMES = texts({
  auth: ['登录与会话', 'Signing in'],
  user: ['用户', 'Users'],
  token: ['令牌', 'Tokens'],
  upload: ['上传', 'Uploads'],
  site: ['航测区域', 'Sites'],
  survey: ['航测', 'Surveys'],
  comparison: ['比对', 'Comparisons'],
  camera: ['摄像头', 'Cameras'],
  finding: ['发现与审核', 'Findings and reviews'],
  evidence: ['查看原始证据', 'Views of originals'],
  case: ['案件', 'Cases'],
  register: ['登记库', 'Registers'],
  export: ['导出', 'Exports'],
});
export const SUBJECTS = Object.keys(SUBJECT_NAMES);
export const ACTION_GROUPS = Object.keys(GROUP_NAMES);
export const subjectName = (subject: string): string =>
  (SUBJECT_NAMES as Record<string, string>)[subject] ?? subject;
export const groupName = (group: string): string =>
  (GROUP_NAMES as Record<string, string>)[group] ?? group;
