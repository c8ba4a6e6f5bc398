// The types of playwright-core name those of a browser's page; nothing here touches one.
type HTMLElementTagNameMap = Record<string, unknown>;
type HTMLElement = unknown;
type SVGElement = unknown;
type Node = unknown;
