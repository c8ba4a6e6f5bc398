import { randomUUID } from "node:crypto";
import { concurrentWrite, nameConflict, secretDisabled, secretNotFound } from "./key-vault-errors.ts";

/** How long a vault keeps what was deleted; fixed when it is created, 90 unless chosen otherwise. */
export const RETENTION_DAYS = 90;
const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60_000;

/** For so long the name stays taken, though the client already reported success. https://github.com/Azure/azure-sdk-for-net/issues/31581 */
const RECOVERY_MS = 5_000;
const PURGE_MS = 3_000;

/** What a client may say about a version. */
export interface SecretChange {
  readonly contentType?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly enabled?: boolean | undefined;
  /** Seconds since 1970. */
  readonly notBefore?: number | undefined;
  /** Seconds since 1970. It only informs: an expired secret is read like any other. */
  readonly expires?: number | undefined;
}

export interface SecretVersion {
  /** 32 hexadecimal digits. */
  readonly version: string;
  readonly value: string;
  readonly contentType: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly enabled: boolean;
  readonly notBefore: number | undefined;
  readonly expires: number | undefined;
  /** Seconds since 1970. */
  readonly created: number;
  readonly updated: number;
}

/** A secret with all its versions, the oldest first. */
export interface Secret {
  /** As it was first written; names are compared without regard to case. */
  readonly name: string;
  readonly versions: readonly SecretVersion[];
}

export interface DeletedSecret extends Secret {
  readonly deletedAt: number;
  readonly purgedAt: number;
}

/** What a vault holds, and its rules about names. */
export interface Secrets {
  set(name: string, value: string, change: SecretChange): Secret;
  /** The newest version if none is named. */
  get(name: string, version?: string): { readonly secret: Secret; readonly version: SecretVersion };
  update(name: string, version: string | undefined, change: SecretChange): { secret: Secret; version: SecretVersion };
  find(name: string): Secret | undefined;
  list(): readonly Secret[];
  delete(name: string): DeletedSecret;
  getDeleted(name: string): DeletedSecret;
  listDeleted(): readonly DeletedSecret[];
  recover(name: string): Secret;
  purge(name: string): void;
  /** Successful `set`s of this name. */
  writes(name: string): number;
  /** The next writes of this name meet another one under way. */
  conflictNextWrites(name: string, times: number): void;
}

export function createSecrets(): Secrets {
  const live = new Map<string, Secret>();
  const deleted = new Map<string, DeletedSecret>();
  const busy = new Map<
    string,
    { readonly why: "ObjectIsBeingRecovered" | "ObjectIsBeingDeleted"; readonly until: number }
  >();
  const written = new Map<string, number>();
  const conflicts = new Map<string, number>();

  /** What was deleted long enough ago is gone. */
  function purgeOld(): void {
    for (const [key, secret] of deleted) if (secret.purgedAt <= Date.now()) deleted.delete(key);
  }

  function checkName(name: string): void {
    const key = name.toLowerCase();
    purgeOld();
    if (deleted.has(key)) throw nameConflict(name, "ObjectIsDeletedButRecoverable");
    const state = busy.get(key);
    if (state !== undefined && state.until > Date.now()) throw nameConflict(name, state.why);
    const left = conflicts.get(key) ?? 0;
    if (left > 0) {
      conflicts.set(key, left - 1);
      throw concurrentWrite(name);
    }
  }

  function find(name: string): Secret | undefined {
    return live.get(name.toLowerCase());
  }

  function existing(name: string, id?: string): { secret: Secret; version: SecretVersion } {
    const secret = find(name);
    const version = id === undefined ? secret?.versions.at(-1) : secret?.versions.find((one) => one.version === id);
    if (secret === undefined || version === undefined) throw secretNotFound(id === undefined ? name : `${name}/${id}`);
    return { secret, version };
  }

  function getDeleted(name: string): DeletedSecret {
    purgeOld();
    const secret = deleted.get(name.toLowerCase());
    if (secret === undefined) throw secretNotFound(name);
    return secret;
  }

  return {
    set(name, value, change) {
      checkName(name);
      const key = name.toLowerCase();
      const now = seconds();
      const version: SecretVersion = {
        version: randomUUID().replaceAll("-", ""),
        value,
        contentType: change.contentType,
        tags: change.tags,
        enabled: change.enabled ?? true,
        notBefore: change.notBefore,
        expires: change.expires,
        created: now,
        updated: now,
      };
      const earlier = live.get(key);
      const secret = { name: earlier?.name ?? name, versions: [...(earlier?.versions ?? []), version] };
      live.set(key, secret);
      written.set(key, (written.get(key) ?? 0) + 1);
      return secret;
    },
    get(name, id) {
      const found = existing(name, id);
      if (!found.version.enabled) throw secretDisabled();
      return found;
    },
    update(name, id, change) {
      const { secret, version } = existing(name, id);
      const said = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const updated: SecretVersion = { ...version, ...said, updated: seconds() };
      const versions = secret.versions.map((one) => (one === version ? updated : one));
      const changed = { ...secret, versions };
      live.set(name.toLowerCase(), changed);
      return { secret: changed, version: updated };
    },
    find,
    list: () => [...live.values()],
    delete(name) {
      const { secret } = existing(name);
      const now = Date.now();
      const gone = { ...secret, deletedAt: now, purgedAt: now + RETENTION_MS };
      live.delete(name.toLowerCase());
      deleted.set(name.toLowerCase(), gone);
      return gone;
    },
    getDeleted,
    listDeleted() {
      purgeOld();
      return [...deleted.values()];
    },
    recover(name) {
      const secret = getDeleted(name);
      const key = name.toLowerCase();
      deleted.delete(key);
      live.set(key, { name: secret.name, versions: secret.versions });
      busy.set(key, { why: "ObjectIsBeingRecovered", until: Date.now() + RECOVERY_MS });
      return secret;
    },
    purge(name) {
      getDeleted(name);
      deleted.delete(name.toLowerCase());
      busy.set(name.toLowerCase(), { why: "ObjectIsBeingDeleted", until: Date.now() + PURGE_MS });
    },
    writes: (name) => written.get(name.toLowerCase()) ?? 0,
    conflictNextWrites: (name, times) => {
      conflicts.set(name.toLowerCase(), times);
    },
  };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
