// Writes the document of the API anew after a change of its table: node test/openapi.ts
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { openApiDocument } from "../shared/web/api/openapi.ts";

const file = path.join(import.meta.dirname, "../shared/web/api/openapi.json");
await writeFile(file, `${JSON.stringify(openApiDocument(), undefined, 2)}\n`);
