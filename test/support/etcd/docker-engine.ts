import { request } from 'node:http';

export type DockerImage = { readonly present: true } | { readonly present: false; readonly why: string };

/**
 * Asks the engine's HTTP API itself, since loading testcontainers takes a second. Nothing is ever pulled: an image that
 * is not there is made by `docker-etcd-image.sh`.
 */
export async function dockerImage(image: string, dockerHost: string | undefined): Promise<DockerImage> {
  const host = dockerHost ?? 'unix:///var/run/docker.sock';
  const target = engineOptions(host);
  if (target === undefined) return { present: false, why: `docker: cannot read $DOCKER_HOST ${host}` };
  return new Promise((resolve) => {
    const absent = (why: string) => resolve({ present: false, why });
    const call = request({ ...target, agent: false, path: `/images/${encodeURIComponent(image)}/json` }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve({ present: true });
      else absent(`docker: no image ${image} (test/support/docker-etcd-image.sh makes it)`);
    });
    call.setTimeout(2000, () => call.destroy(new Error('no answer within 2 s')));
    call.on('error', (error) => absent(`docker: no engine answers at ${host} (${error.message})`));
    call.end();
  });
}

function engineOptions(host: string): { socketPath: string } | { host: string; port: string } | undefined {
  if (!URL.canParse(host)) return undefined;
  const url = new URL(host);
  if (url.protocol === 'unix:') return { socketPath: url.pathname };
  return url.protocol === 'tcp:' ? { host: url.hostname, port: url.port } : undefined;
}
