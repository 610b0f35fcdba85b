/** Roles as people call them. */

import { texts } from '../../lib/language.svelte';

const t = texts({
  operator: ['航测操作员', 'Drone operator'],
  integrator: ['视频接入员', 'Camera integrator'],
  reviewer: ['审核员', 'Reviewer'],
  supervisor: ['主管', 'Supervisor'],
  auditor: ['审计员', 'Auditor'],
  admin: ['管理员', 'Administrator'],
});
const WHAT = texts({
  operator: ['上传航测并比对', 'uploads surveys and has them compared'],
  integrator: ['接入摄像头、划定区域', 'connects cameras and draws zones'],
  reviewer: ['审核发现的问题', 'decides on findings'],
  supervisor: ['以上全部，及登记库、导出、案件', 'all of these; registers, exports, cases'],
  auditor: ['查看一切及审计日志，不能修改', 'reads everything and the audit log'],
  admin: ['全部，及用户和令牌', 'everything; users and tokens'],
});
export type Role = keyof typeof t;
export const ROLES = Object.keys(t) as Role[];
export const roleName = (role: Role): string => t[role];
export const roleDoes = (role: Role): string => WHAT[role];

const SIGNS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

/** A password to hand over: 20 characters that are not mistaken for each other, 115 bits. */
export function madePassword(): string {
  const random = crypto.getRandomValues(new Uint32Array(20));
  return Array.from(random, (value) => SIGNS[value % SIGNS.length]).join('');
}
