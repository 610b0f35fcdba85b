/** What tokens may be limited to. */

import { texts } from '../../lib/language.svelte';

/** Resources of the API, as scopes name them, and the figures for monitoring. */
const t = texts({
  audit: ['审计日志', 'audit log'],
  auth: ['登录与会话', 'signing in, sessions'],
  callbacks: ['案件系统回调', 'callbacks of case systems'],
  cameras: ['摄像头', 'cameras'],
  cases: ['案件', 'cases'],
  comparisons: ['比对', 'comparisons'],
  dashboard: ['统计', 'dashboard'],
  exports: ['训练集导出', 'exports'],
  findings: ['发现', 'findings'],
  metrics: ['监控指标', 'metrics'],
  models: ['模型', 'models'],
  registers: ['登记库', 'registers'],
  reviews: ['审核', 'reviews'],
  sites: ['航测区域', 'sites'],
  surveys: ['航测', 'surveys'],
  targets: ['案件系统', 'case systems'],
  tokens: ['令牌', 'tokens'],
  uploads: ['上传', 'uploads'],
  users: ['用户', 'users'],
  warnings: ['预警', 'warnings'],
});
export type Resource = keyof typeof t;
export const RESOURCES = Object.keys(t) as Resource[];
export const resourceName = (resource: Resource): string => t[resource];
