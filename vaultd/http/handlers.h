/* Every handler of the route table. Internal to http/. */
#pragma once

#include "http/routes.h"

route_handler handle_healthz, handle_readyz, handle_metrics, handle_sys_health;
route_handler handle_seal_status, handle_leader, handle_init_status, handle_init, handle_unseal, handle_seal;
route_handler handle_backup;
route_handler handle_slots_list, handle_slot_add, handle_slot_change, handle_key_status, handle_rotate, handle_rotate_config;
route_handler handle_rekey_start, handle_rekey_status, handle_rekey_cancel, handle_rekey_update, handle_rekey_verify;
route_handler handle_rekey_verify_status, handle_rekey_verify_restart, handle_rekey_backup, handle_rekey_backup_delete;
route_handler handle_root_start, handle_root_status, handle_root_cancel, handle_root_update;
route_handler handle_mounts, handle_mount, handle_ui_mounts, handle_ui_mount, handle_lookup_self;
route_handler handle_mount_enable, handle_mount_disable, handle_mount_tuning, handle_mount_tune;
route_handler handle_quota_config, handle_quota_list, handle_quota_read, handle_quota_write, handle_quota_delete;
route_handler handle_kv1_list, handle_kv1_read, handle_kv1_write, handle_kv1_delete;
route_handler handle_resolved_read, handle_resolved_list, handle_resolved_metadata;
route_handler handle_remount, handle_remount_status, handle_auths, handle_auth_enable, handle_auth_disable;
route_handler handle_token_lookup, handle_token_lookup_accessor, handle_token_create, handle_token_create_orphan;
route_handler handle_token_renew, handle_token_renew_self, handle_token_renew_accessor, handle_token_revoke;
route_handler handle_token_revoke_self, handle_token_revoke_accessor, handle_token_revoke_orphan;
route_handler handle_token_accessors, handle_token_tidy, handle_token_create_role;
route_handler handle_token_role_read, handle_token_role_write, handle_token_role_delete, handle_token_roles;
route_handler handle_data_read, handle_data_write, handle_data_patch, handle_data_delete;
route_handler handle_delete_revisions, handle_undelete, handle_destroy, handle_subkeys;
route_handler handle_metadata_read, handle_metadata_list, handle_metadata_write, handle_metadata_patch;
route_handler handle_metadata_delete, handle_config_read, handle_config_write;
route_handler handle_render;
route_handler handle_resolve, handle_history, handle_diff, handle_rollback, handle_settings_read, handle_settings_write;
route_handler handle_schema_read, handle_schema_write, handle_schema_delete, handle_check;
route_handler handle_wrap, handle_wrapping_lookup, handle_unwrap, handle_rewrap;
route_handler handle_tools_random, handle_tools_hash;
route_handler handle_lease_lookup, handle_lease_list, handle_lease_renew, handle_lease_revoke, handle_lease_revoke_prefix;
route_handler handle_cubbyhole_read, handle_cubbyhole_list, handle_cubbyhole_write, handle_cubbyhole_delete;
route_handler handle_policy_list, handle_policy_read, handle_policy_write, handle_policy_delete;
route_handler handle_old_policy_list, handle_old_policy_read, handle_policy_explain;
route_handler handle_capabilities_self, handle_capabilities, handle_capabilities_accessor, handle_resultant_acl;
