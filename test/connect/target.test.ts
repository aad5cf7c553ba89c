import { describe, expect, it } from 'vitest';
import { parseTarget } from '../../src/connect/target.js';
import { ConclaveError, type ErrorCode } from '../../src/core/errors.js';

function codeOf(text: string): ErrorCode | undefined {
  try {
    parseTarget(text);
  } catch (error) {
    return ConclaveError.from(error).code;
  }
  return undefined;
}

describe('connection strings', () => {
  it('names an embedded store, alone or shared', () => {
    expect(parseTarget('memory:')).toEqual({ type: 'memory', name: undefined });
    expect(parseTarget('memory:jobs')).toEqual({ type: 'memory', name: 'jobs' });
  });

  it.each([
    ['http://10.0.0.1:2379', false, ['10.0.0.1:2379']],
    ['http://a:1,http://b:2', false, ['a:1', 'b:2']],
    ['http://a:1,b:2,c', false, ['a:1', 'b:2', 'c:2379']],
    ['https://etcd.example', true, ['etcd.example:2379']],
    ['http://a:80', false, ['a:80']],
    ['https://a:443/', true, ['a:443']],
    ['http://[::1]:2379', false, ['[::1]:2379']],
    ['127.0.0.1:2379', false, ['127.0.0.1:2379']],
    ['localhost', false, ['localhost:2379']],
    [' http://a:1 , b:2 ', false, ['a:1', 'b:2']],
  ])('reads %s', (text, secure, endpoints) => {
    expect(parseTarget(text)).toEqual({ type: 'endpoints', secure, endpoints });
  });

  it.each([
    '',
    '   ',
    'ftp://a:1',
    'http://',
    'http://a:1,',
    'http://a:1,,b:2',
    'http://a:99999',
    'http://a:1,https://b:2',
    'http://a:1/path',
    'http://a:1?x=1',
    'http://a:1#x',
    'http://a b',
    'http://user:secret@a:1',
    'file:',
    'file://host/data',
  ])('refuses %j', (text) => {
    expect(codeOf(text)).toBe('INVALID_URL');
  });

  it('never shows a password that was written into a URL', () => {
    expect(() => parseTarget('http://user:secret@a:1')).toThrow(expect.not.stringContaining('secret'));
    expect(() => parseTarget('ftp://user:secret@a:1')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });

  it.each([
    ['file:./data', './data'],
    ['file:data', 'data'],
    ['file:/var/data', '/var/data'],
    ['file:///var/data', '/var/data'],
  ])('%s names a directory', (text, dir) => {
    expect(parseTarget(text)).toEqual({ type: 'file', dir });
  });
});
