import { sampleMails } from "../mails/sample-mails.ts";
import type { Pacer } from "../run/pacer.ts";
import type { Simulator } from "../simulator.ts";
import type { StandIn } from "../stand-in.ts";
import { composeMail } from "./compose-mail.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const THROTTLE_SECONDS = 300;

/** A button of the page. */
export interface Control {
  /** Part of the address that it posts to. */
  readonly id: string;
  readonly label: string;
  /** What one should see on Deskpost's page afterwards. */
  readonly expect: string;
  /** Of a switch: whether it is on. */
  readonly isOn?: boolean;
}

export interface ControlGroup {
  readonly title: string;
  readonly controls: readonly Control[];
}

/** Does something to the simulated world. Gives a sentence about what was done. */
type Action = (form: FormData) => string | Promise<string>;

type DoableControl = Control & { readonly act: Action };

export interface ControlActions {
  /** The buttons, as things stand. */
  readonly groups: readonly ControlGroup[];
  /** Runs a control, or one of the forms that drop mail in; `undefined` when there is none of this name. */
  run(id: string, form: FormData): Promise<string | undefined>;
}

/** Everything that a person can do to the simulated world from its page. */
export function createControlActions(simulator: Simulator, pacer: Pacer): ControlActions {
  const { entra, graph, keyVault, desk, mailbox, owner, clientId } = simulator;
  let adminApproval = false;

  function jump(id: string, label: string, ms: number, expect: string): DoableControl {
    return {
      id,
      label,
      expect,
      act: () => whileNothingPlays(() => pacer.jump(ms), `${label.replace("+", "")} passed.`),
    };
  }

  async function whileNothingPlays(act: () => unknown, done: string): Promise<string> {
    if (pacer.playing !== undefined) return "Time is playing already; wait until it has.";
    await act();
    return done;
  }

  function time(): DoableControl[] {
    return [
      jump("minute", "+1 minute", MINUTE_MS, "A mail that waits for its next attempt comes nearer."),
      jump("ten-minutes", "+10 minutes", 10 * MINUTE_MS, "Retries after a fault become due."),
      jump(
        "ninety-minutes",
        "+90 minutes",
        90 * MINUTE_MS,
        "The access token has ended by now. Deskpost renews it by itself; the time under “Access token ends” moves on.",
      ),
      jump("day", "+1 day", DAY_MS, "The same after a day off: one late run, and everything goes on."),
      {
        id: "ninety-days-on",
        label: "+90 days (Deskpost keeps running)",
        expect:
          "The first refresh token would have ended. The mailbox stays connected: newer ones were saved meanwhile.",
        act: () => whileNothingPlays(() => pacer.play(90), "90 days begin to pass."),
      },
      {
        id: "ninety-one-days-off",
        label: "+91 days (Deskpost switched off)",
        expect: "The refresh token has ended. The mailbox needs its owner; “Connect” repairs it, and no mail is lost.",
        act: () => whileNothingPlays(() => pacer.jump(91 * DAY_MS), "91 days passed without Deskpost."),
      },
    ];
  }

  function moods(): DoableControl[] {
    return desk.moods.map(({ name, label, expect }) => ({
      id: `desk-${name}`,
      label: `The desk ${label}`,
      expect,
      isOn: desk.mood === name,
      act: () => {
        desk.setMood(name);
        return `The desk ${label} now.`;
      },
    }));
  }

  function refuseOne(): DoableControl {
    return {
      id: "desk-refuses-one",
      label: "The desk finds one mail too large",
      expect: "The next mail comes into quarantine, with the reason. “Replay it” there delivers it.",
      act: () => {
        desk.refuseOne();
        return "The desk answers the next mail with 413: send one.";
      },
    };
  }

  function microsoft(): DoableControl[] {
    return [
      down(
        "graph",
        "Microsoft Graph",
        graph.server,
        "The mailbox shows the fault; mail is fetched once Graph is back.",
      ),
      down("entra", "Entra", entra.server, "Nothing, until the access token has to be renewed (+90 minutes)."),
      down("key-vault", "Key Vault", keyVault.server, "Nothing, until a secret is needed (+90 minutes)."),
      {
        id: "throttle",
        label: "Throttle Graph",
        expect: `Graph asks to be left alone for ${THROTTLE_SECONDS / 60} minutes, and the next fetch is put off for so long.`,
        act: () => {
          graph.throttle({ retryAfter: String(THROTTLE_SECONDS), times: 1 });
          return "The next request to Graph is refused with 429.";
        },
      },
      {
        id: "expire-delta",
        label: "Expire the delta position",
        expect: "Deskpost walks the whole folder again. Not one mail arrives twice.",
        act: () => {
          mailbox.expireSyncState();
          return "Graph answers 410 to every delta link that it gave until now.";
        },
      },
    ];
  }

  function down(name: string, title: string, server: StandIn, expect: string): DoableControl {
    return {
      id: `down-${name}`,
      label: server.isDown ? `${title} comes back` : `${title} goes down`,
      expect,
      isOn: server.isDown,
      act: () => {
        server.setDown(!server.isDown);
        return server.isDown ? `${title} is down.` : `${title} is back.`;
      },
    };
  }

  function permissions(): DoableControl[] {
    return [
      {
        id: "revoke",
        label: "Revoke the owner’s grant",
        expect: "The access token lives on. After +90 minutes the mailbox needs its owner; “Connect” repairs it.",
        act: () => {
          entra.revoke(owner.oid);
          return `Entra refuses the refresh tokens of ${owner.userName}.`;
        },
      },
      {
        id: "admin-approval",
        label: adminApproval ? "Let owners consent again" : "Require an administrator’s approval",
        expect: "Who was connected stays so. A new sign-in ends with “needs an administrator”.",
        isOn: adminApproval,
        act: () => {
          adminApproval = !adminApproval;
          entra.requireAdminApproval(adminApproval);
          return adminApproval ? "Only an administrator may consent now." : "Owners may consent again.";
        },
      },
      {
        id: "expire-secret",
        label: "Let the client secret expire",
        expect: "After +90 minutes one alarm stands above the list, and no mailbox loses its connection.",
        act: () => {
          entra.expireSecrets(clientId);
          return "Deskpost’s client secret has expired.";
        },
      },
      {
        id: "new-secret",
        label: "Store a new client secret",
        expect: "The alarm goes away with the next fetch, without a restart.",
        act: async () => {
          if (keyVault.server.isDown) return "Key Vault is down: it takes no secret.";
          await simulator.renewClientSecret();
          return "A new client secret is valid, in Entra and in Key Vault.";
        },
      },
    ];
  }

  const groups = (): { title: string; controls: DoableControl[] }[] => [
    { title: "Time", controls: time() },
    { title: `The desk: ${desk.title}`, controls: [...moods(), refuseOne()] },
    { title: "Microsoft’s services", controls: microsoft() },
    { title: "Permissions and secrets", controls: permissions() },
  ];

  const mailActions: Readonly<Record<string, Action>> = {
    "drop-sample": (form) => {
      const sample = sampleMails().find(({ name }) => name === form.get("sample"));
      if (sample === undefined) return "There is no such sample.";
      mailbox.deliver(sample.bytes, { name: sample.name });
      return `${sample.name} lies in the mailbox.`;
    },
    "drop-written": (form) => {
      const written = { from: field(form, "from"), subject: field(form, "subject"), text: field(form, "text") };
      mailbox.deliver(composeMail({ ...written, to: mailbox.address }), { name: "written" });
      return "Your mail lies in the mailbox.";
    },
    "drop-files": async (form) => {
      const files = form.getAll("files").filter((file) => typeof file !== "string");
      for (const file of files) mailbox.deliver(Buffer.from(await file.arrayBuffer()), { name: file.name });
      return `${files.length} ${files.length === 1 ? "file lies" : "files lie"} in the mailbox.`;
    },
  };

  return {
    get groups() {
      return groups();
    },
    run: async (id, form) => {
      const control = groups()
        .flatMap(({ controls }) => controls)
        .find((candidate) => candidate.id === id);
      const act = control?.act ?? (Object.hasOwn(mailActions, id) ? mailActions[id] : undefined);
      return act?.(form);
    },
  };
}

function field(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
