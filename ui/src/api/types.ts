/** What the server gives and takes: its own schemas' types, and nothing that runs. */
export type { CallJson } from '../../../src/admin/schemas-audit.ts'
export type { ChangeJson } from '../../../src/admin/schemas-changes.ts'
export type { PageJson } from '../../../src/admin/schemas-common.ts'
export type {
  IssuedKeyJson,
  KeyEdit,
  KeyJson,
  KeySort,
  KeyStateJson,
  ListedKeyJson,
  NewKey,
  NewRotation,
  RotatedKeyJson,
  RotationJson,
  ShownKeyJson,
} from '../../../src/admin/schemas-keys.ts'
export type {
  IssuedManagementKeyJson,
  ManagementKeyJson,
  NewManagementKey,
} from '../../../src/admin/schemas-management-keys.ts'
export type { NoticeJson } from '../../../src/admin/schemas-notices.ts'
export type {
  InvitationJson,
  PeopleJson,
  PersonJson,
  SignInMethodsJson,
} from '../../../src/admin/schemas-people.ts'
export type {
  NewServiceUser,
  ServiceUserEdit,
  ServiceUserJson,
} from '../../../src/admin/schemas-service-users.ts'
export type { MeJson, SettingsJson } from '../../../src/admin/schemas-settings.ts'
export type {
  KeyAccessJson,
  KnownToolsJson,
  ToolUsageJson,
  UsageJson,
} from '../../../src/admin/schemas-usage.ts'
