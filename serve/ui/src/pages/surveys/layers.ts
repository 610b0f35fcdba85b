/** What can lie over two surveys. */
export type Layer = '' | 'change' | 'heights';
