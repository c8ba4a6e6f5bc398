/** What to change where Entra refuses our redirect URL or our application with this AADSTS number. */
export function redirectRemedy(code: number, clientId: string, redirectUrl: string): string {
  const registration = `In Entra, App registrations, the application ${clientId}`;
  switch (code) {
    case 50011:
    case 900971:
      return `${registration}, Authentication: add under the platform “Web” exactly ${redirectUrl}, letter for letter; or put the setting PUBLIC_BASE_URL right.`;
    case 700016:
    case 50194:
      return `The application is not known in that organisation. Check the setting ENTRA_CLIENT_ID; for mailboxes of other organisations: ${registration}, Authentication, must allow accounts in any organisational directory.`;
    default:
      return "Its meaning is listed at learn.microsoft.com/entra/identity-platform/reference-error-codes.";
  }
}
