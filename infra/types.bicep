// Types of parameters that more than one file has.

@export()
@sealed()
@description('App settings that have a default in the code; README.md of the repository says what each does.')
type OptionalSettings = {
  ENTRA_CERTIFICATE_NAME: string?
  ENTRA_CLIENT_AUTHENTICATION: ('federated-credential' | 'client-secret' | 'certificate')?
  ENTRA_CLIENT_SECRET_NAME: string?
  ENTRA_FEDERATION_AUDIENCE: string?
  ENTRA_LOGIN_URL: string?
  FETCH_BUDGET_SECONDS: string?
  FETCH_CONCURRENCY: string?
  FETCH_LONGEST_BROKEN_MINUTES: string?
  FETCH_LONGEST_QUIET_MINUTES: string?
  FETCH_SCHEDULE: string?
  GRAPH_URL: string?
  MICROSOFT_CLOUD: ('global' | 'us-gov' | 'us-dod' | 'china')?
  PAGE_LINKS: string?
  REFRESH_TOKEN_SAVING: ('weekly' | 'always')?
}

@export()
@sealed()
@description('A host name of your own, and its certificate in a Key Vault of the same region.')
type CustomDomain = {
  @description('Such as deskpost.example.com, with a CNAME to the app and a TXT record asuid.deskpost.')
  hostName: string

  @description('Resource id of the vault. "Microsoft Azure App Service" needs the role "Key Vault Certificate User" on it.')
  certificateVaultId: string

  certificateName: string
}
