import type { Command } from 'commander';

/** Flags that every command takes, before or after its name. */
export interface GlobalFlags {
  readonly url?: string;
  readonly json?: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

export function addGlobalFlags(program: Command): Command {
  return program
    .option('--url <urls>', 'etcd or conclave serve; default $CONCLAVE_URL, $ETCDCTL_ENDPOINTS, http://127.0.0.1:2379')
    .option('--json', 'print JSON, one value a line')
    .option('--username <name>', 'default: $ETCDCTL_USER, as name or name:password')
    .option('--password <text>', 'default: $ETCDCTL_PASSWORD, where other users of this machine cannot read it')
    .option('--cacert <file>', 'who signs the server’s certificate (PEM); default $ETCDCTL_CACERT, else the system’s')
    .option('--cert <file>', 'client certificate (PEM), with --key; default $ETCDCTL_CERT')
    .option('--key <file>', 'key of --cert (PEM); default $ETCDCTL_KEY');
}
