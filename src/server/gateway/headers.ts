/** On every answer: nothing here is a page, and no other origin may read it. */
const guards = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'same-origin',
} as const;

export const textHeaders = { ...guards, 'content-type': 'text/plain; charset=utf-8' } as const;
export const jsonHeaders = { ...guards, 'content-type': 'application/json' } as const;
/** What a call answers: as grpc-gateway, it tells what it stands for. */
export const callHeaders = { ...jsonHeaders, 'grpc-metadata-content-type': 'application/grpc' } as const;
