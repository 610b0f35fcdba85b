/** Digests of what is sent, and of what was sent before. */

import { DefaultHttpStack, type HttpRequest, type HttpResponse, type HttpStack } from 'tus-js-client';

import { api, take } from '../../../lib/api/client';

/** SHA-256 of bytes. */
async function digest(content: Blob): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', await content.arrayBuffer()));
}

/** A request that tells the digest of what it carries, so that the service keeps all or nothing. */
class CheckedRequest implements HttpRequest {
  #inner: HttpRequest;
  #aborted = false;

  constructor(inner: HttpRequest) {
    this.#inner = inner;
  }
  getMethod = (): string => this.#inner.getMethod();
  getURL = (): string => this.#inner.getURL();
  setHeader = (name: string, value: string): void => this.#inner.setHeader(name, value);
  getHeader = (name: string): string | undefined => this.#inner.getHeader(name);
  getUnderlyingObject = (): unknown => this.#inner.getUnderlyingObject();
  setProgressHandler(handler: (sent: number) => void): void {
    this.#inner.setProgressHandler(handler);
  }
  async send(body: unknown): Promise<HttpResponse> {
    if (body instanceof Blob && body.size > 0) {
      const written = btoa(String.fromCharCode(...(await digest(body))));
      this.#inner.setHeader('Upload-Checksum', `sha256 ${written}`);
    }
    if (this.#aborted) throw new Error('stopped before it was sent');
    return this.#inner.send(body);
  }
  abort(): Promise<void> {
    this.#aborted = true;
    return this.#inner.abort();
  }
}

/** How uploads speak to the service: as tus does by itself, each request with its digest. */
export class CheckedStack implements HttpStack {
  #inner = new DefaultHttpStack({});

  createRequest(method: string, url: string): HttpRequest {
    return new CheckedRequest(this.#inner.createRequest(method, url));
  }
  getName(): string {
    return 'CheckedStack';
  }
}

/** Holds a file against what the service has of an upload, all of it.
 *
 * Only bytes of one and the same file may be put together: a name and a size prove nothing. */
export async function isBeginningOf(
  file: File,
  upload: { id: string; offset_bytes: number },
  tick: (share: number) => void,
): Promise<boolean> {
  let offset: number | null = 0;
  while (offset !== null && upload.offset_bytes > 0) {
    const kept: { items: { offset_bytes: number; size_bytes: number; sha256: string }[];
      next_offset_bytes: number | null } = await take(
      api.GET('/api/v1/uploads/{upload_id}/parts', {
        params: { path: { upload_id: upload.id }, query: { offset_bytes: offset } },
      }),
    );
    for (const part of kept.items) {
      const end = part.offset_bytes + part.size_bytes;
      const ours = await digest(file.slice(part.offset_bytes, end));
      if (hexadecimal(ours) !== part.sha256) return false;
      tick(end / upload.offset_bytes);
    }
    offset = kept.next_offset_bytes;
  }
  return true;
}

function hexadecimal(content: Uint8Array): string {
  return Array.from(content, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
