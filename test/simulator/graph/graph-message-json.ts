import { badRequest } from "./graph-errors.ts";
import type { MailAddress } from "./graph-mail-headers.ts";
import type { Folder, MailboxStore, StoredMessage } from "./graph-mailbox-store.ts";
import { graphTime } from "./graph-odata.ts";

interface MessageShape {
  readonly immutableIds: boolean;
  readonly select: readonly string[] | undefined;
}

function recipient({ name, address }: MailAddress): unknown {
  return { emailAddress: { name: name || address, address } };
}

function sender({ headers }: StoredMessage): unknown {
  return headers.from === undefined ? undefined : recipient(headers.from);
}

function changeKey({ version }: StoredMessage): string {
  return `CQAAABYAAAB${Buffer.from(`change ${version}`).toString("base64")}`;
}

/**
 * The properties of https://learn.microsoft.com/graph/api/resources/message that every answer without `$select` has.
 * Bodies are left empty: Deskpost reads the MIME.
 */
const PROPERTIES: Readonly<Record<string, (message: StoredMessage) => unknown>> = {
  createdDateTime: ({ receivedAt }) => graphTime(receivedAt),
  lastModifiedDateTime: ({ modifiedAt }) => graphTime(modifiedAt),
  changeKey,
  categories: ({ categories }) => categories,
  receivedDateTime: ({ receivedAt }) => graphTime(receivedAt),
  sentDateTime: ({ headers, receivedAt }) => graphTime(headers.sentAt ?? receivedAt),
  hasAttachments: ({ headers }) => /^multipart\/mixed/i.test(headers.contentType),
  internetMessageId: ({ headers }) => headers.internetMessageId,
  subject: ({ headers }) => headers.subject,
  bodyPreview: () => "",
  importance: () => "normal",
  parentFolderId: ({ folder }) => folder.id,
  conversationId: ({ immutableId }) => `AAQk${immutableId.slice(40)}`,
  isDeliveryReceiptRequested: () => false,
  isReadReceiptRequested: () => false,
  isRead: ({ isRead }) => isRead,
  isDraft: () => false,
  webLink: ({ id }) =>
    `https://outlook.office365.com/owa/?ItemID=${encodeURIComponent(id)}&exvsurl=1&viewmodel=ReadMessageItem`,
  inferenceClassification: () => "focused",
  body: () => ({ contentType: "text", content: "" }),
  sender,
  from: sender,
  toRecipients: ({ headers }) => headers.to.map(recipient),
  ccRecipients: () => [],
  bccRecipients: () => [],
  replyTo: () => [],
  flag: () => ({ flagStatus: "notFlagged" }),
};

/** Only there for those who ask. */
const PROPERTIES_ON_REQUEST: typeof PROPERTIES = {
  internetMessageHeaders: ({ headers }) => headers.all,
};

/** Throws what Graph says about a property that messages do not have. */
export function checkSelect(select: readonly string[] | undefined): void {
  for (const name of select ?? []) {
    if (name !== "id" && !(name in PROPERTIES) && !(name in PROPERTIES_ON_REQUEST)) {
      throw badRequest(
        `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.message'.`,
      );
    }
  }
}

export function messageJson(message: StoredMessage, { immutableIds, select }: MessageShape): Record<string, unknown> {
  const value: Record<string, unknown> = {
    "@odata.etag": `W/"${changeKey(message)}"`,
    id: immutableIds ? message.immutableId : message.id,
  };
  for (const name of select ?? Object.keys(PROPERTIES)) {
    const property = PROPERTIES[name] ?? PROPERTIES_ON_REQUEST[name];
    if (property !== undefined) value[name] = property(message);
  }
  return value;
}

export function folderJson(store: MailboxStore, folder: Folder): Record<string, unknown> {
  const messages = store.visibleMessages(folder);
  return {
    id: folder.id,
    displayName: folder.displayName,
    parentFolderId: folder.parent?.id ?? store.folders[0]?.id.replace(/....AAA=$/, "____AAA="),
    childFolderCount: store.folders.filter(({ parent }) => parent === folder).length,
    unreadItemCount: messages.filter((message) => !message.isRead).length,
    totalItemCount: messages.length,
    sizeInBytes: messages.reduce((sum, message) => sum + message.mime.byteLength, 0),
    isHidden: false,
  };
}
