# Everything of what furl offers that Terraform has a resource for. The variable `changed` is the second apply.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "runtime" { type = string }
variable "package" { type = string }
variable "changed" {
  type    = bool
  default = false
}

provider "aws" {
  region                      = "us-east-1"
  skip_metadata_api_check     = true
  skip_region_validation      = true
  s3_use_path_style           = true
  endpoints {
    iam    = var.endpoint
    lambda = var.endpoint
    logs   = var.endpoint
    sts    = var.endpoint
  }
  default_tags {
    tags = { owner = "terraform" }
  }
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "invoke" {
  statement {
    actions   = var.changed ? ["lambda:InvokeFunction", "lambda:GetFunction"] : ["lambda:InvokeFunction"]
    resources = ["arn:aws:lambda:us-east-1:${data.aws_caller_identity.me.account_id}:function:*"]
  }
}

# Roles, policies, users, groups.

resource "aws_iam_policy" "invoke" {
  name        = "tf-invoke"
  path        = "/tf/"
  description = "May call functions + more"
  policy      = data.aws_iam_policy_document.invoke.json
  tags        = { a = var.changed ? "2" : "1" }
}

resource "aws_iam_role" "function" {
  name                 = "tf-function"
  path                 = "/tf/"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  description          = var.changed ? "changed" : "at first"
  max_session_duration = var.changed ? 7200 : 3600
  permissions_boundary = var.changed ? aws_iam_policy.invoke.arn : null
  tags                 = var.changed ? { b = "2" } : { a = "1" }
}

resource "aws_iam_role_policy" "inline" {
  name   = "inline"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_role_policy_attachment" "basic" {
  role       = aws_iam_role.function.name
  policy_arn = var.changed ? "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess" : "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policies_exclusive" "function" {
  role_name    = aws_iam_role.function.name
  policy_names = [aws_iam_role_policy.inline.name]
}

resource "aws_iam_user" "caller" {
  name          = var.changed ? "tf-renamed" : "tf-caller"
  path          = var.changed ? "/tf/other/" : "/tf/"
  force_destroy = true
  tags          = { a = "1" }
}

resource "aws_iam_user_policy" "inline" {
  name   = "inline"
  user   = aws_iam_user.caller.name
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_user_policy_attachment" "invoke" {
  user       = aws_iam_user.caller.name
  policy_arn = aws_iam_policy.invoke.arn
}

resource "aws_iam_access_key" "caller" {
  user   = aws_iam_user.caller.name
  status = var.changed ? "Inactive" : "Active"
}

resource "aws_iam_group" "callers" {
  name = var.changed ? "tf-others" : "tf-callers"
  path = "/tf/"
}

resource "aws_iam_group_policy" "inline" {
  name   = "inline"
  group  = aws_iam_group.callers.name
  policy = data.aws_iam_policy_document.invoke.json
}

resource "aws_iam_group_policy_attachment" "read" {
  group      = aws_iam_group.callers.name
  policy_arn = "arn:aws:iam::aws:policy/AWSLambda_ReadOnlyAccess"
}

resource "aws_iam_group_membership" "callers" {
  name  = "callers"
  group = aws_iam_group.callers.name
  users = [aws_iam_user.caller.name]
}

resource "aws_iam_account_alias" "this" {
  account_alias = var.changed ? "tf-changed" : "tf-first"
}

# Functions and what belongs to them.

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/tf-hello"
  retention_in_days = var.changed ? 30 : 7
  tags              = { a = var.changed ? "2" : "1" }
}

resource "aws_cloudwatch_log_stream" "own" {
  name           = "own"
  log_group_name = aws_cloudwatch_log_group.function.name
}

resource "aws_lambda_layer_version" "lib" {
  layer_name               = "tf-lib"
  filename                 = var.package
  source_code_hash         = filebase64sha256(var.package)
  compatible_runtimes      = [var.runtime]
  compatible_architectures = ["x86_64"]
  description              = var.changed ? "changed" : "at first"
  license_info             = "MIT"
  skip_destroy             = false
}

resource "aws_lambda_layer_version_permission" "lib" {
  layer_name     = aws_lambda_layer_version.lib.layer_name
  version_number = aws_lambda_layer_version.lib.version
  statement_id   = "all"
  action         = "lambda:GetLayerVersion"
  principal      = "*"
}

resource "aws_lambda_function" "hello" {
  function_name                  = "tf-hello"
  role                           = aws_iam_role.function.arn
  runtime                        = var.runtime
  handler                        = "lambda_function.lambda_handler"
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  description                    = var.changed ? "" : "at first"
  memory_size                    = var.changed ? 256 : 128
  timeout                        = var.changed ? 10 : 3
  publish                        = true
  layers                         = [aws_lambda_layer_version.lib.arn]
  reserved_concurrent_executions = var.changed ? 5 : 10
  architectures                  = ["x86_64"]
  dynamic "environment" {
    for_each = var.changed ? [] : [1]
    content {
      variables = { WORD = "hello" }
    }
  }
  ephemeral_storage {
    size = var.changed ? 1024 : 512
  }
  tracing_config {
    mode = var.changed ? "PassThrough" : "Active"
  }
  logging_config {
    log_format            = "JSON"
    application_log_level = var.changed ? "WARN" : "INFO"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.function.name
  }
  tags = var.changed ? { b = "2" } : { a = "1" }
}

resource "aws_lambda_function" "plain" {
  function_name = "tf-plain"
  role          = aws_iam_role.function.arn
  runtime       = var.runtime
  handler       = "lambda_function.lambda_handler"
  filename      = var.package
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = var.changed ? "changed" : ""
  function_name    = aws_lambda_function.hello.function_name
  function_version = aws_lambda_function.hello.version
  dynamic "routing_config" {
    for_each = var.changed ? [1] : []
    content {
      additional_version_weights = { "1" = 0.25 }
    }
  }
}

resource "aws_lambda_alias" "warm" {
  name             = "warm"
  function_name    = aws_lambda_function.hello.function_name
  function_version = aws_lambda_function.hello.version
}

resource "aws_lambda_provisioned_concurrency_config" "warm" {
  function_name                     = aws_lambda_alias.warm.function_name
  qualifier                         = aws_lambda_alias.warm.name
  provisioned_concurrent_executions = var.changed ? 2 : 1
}

resource "aws_lambda_function_url" "open" {
  function_name      = aws_lambda_function.hello.function_name
  authorization_type = "NONE"
  invoke_mode        = var.changed ? "RESPONSE_STREAM" : "BUFFERED"
  dynamic "cors" {
    for_each = var.changed ? [] : [1]
    content {
      allow_credentials = true
      allow_origins     = ["https://example.com"]
      allow_methods     = ["GET", "POST"]
      allow_headers     = ["date", "keep-alive"]
      expose_headers    = ["date"]
      max_age           = 86400
    }
  }
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.hello.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.changed ? "NONE" : "AWS_IAM"
}

resource "aws_lambda_permission" "account" {
  statement_id           = "account"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.hello.function_name
  qualifier              = aws_lambda_alias.live.name
  principal              = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"
  function_url_auth_type = "AWS_IAM"
}

resource "aws_lambda_permission" "events" {
  statement_id_prefix = "events"
  action              = "lambda:InvokeFunction"
  function_name       = aws_lambda_function.hello.function_name
  principal           = "events.amazonaws.com"
  source_arn          = "arn:aws:events:us-east-1:111122223333:rule/${var.changed ? "b" : "a"}"
  source_account      = "111122223333"
}

resource "aws_lambda_function_event_invoke_config" "hello" {
  function_name                = aws_lambda_function.hello.function_name
  maximum_event_age_in_seconds = var.changed ? 120 : 60
  maximum_retry_attempts       = var.changed ? 1 : 0
  destination_config {
    on_failure {
      destination = aws_lambda_function.plain.arn
    }
  }
}

resource "aws_lambda_function_recursion_config" "hello" {
  function_name  = aws_lambda_function.hello.function_name
  recursive_loop = var.changed ? "Terminate" : "Allow"
}

resource "aws_lambda_runtime_management_config" "hello" {
  function_name     = aws_lambda_function.hello.function_name
  update_runtime_on = var.changed ? "Auto" : "FunctionUpdate"
}

# What data sources read.

data "aws_lambda_function" "hello" {
  function_name = aws_lambda_function.plain.function_name
}

data "aws_lambda_alias" "live" {
  function_name = aws_lambda_alias.warm.function_name
  name          = aws_lambda_alias.warm.name
}

data "aws_lambda_function_url" "open" {
  function_name = aws_lambda_function_url.open.function_name
}

data "aws_lambda_layer_version" "lib" {
  layer_name = aws_lambda_layer_version.lib.layer_name
}

data "aws_lambda_functions" "all" {
  depends_on = [aws_lambda_function.plain]
}

data "aws_iam_role" "function" {
  name = aws_iam_role.function.name
}

data "aws_iam_policy" "aws" {
  name = "AWSLambda_ReadOnlyAccess"
}

data "aws_iam_user" "caller" {
  user_name = aws_iam_user.caller.name
}

data "aws_iam_roles" "tf" {
  path_prefix = "/tf/"
  depends_on  = [aws_iam_role.function]
}

data "aws_cloudwatch_log_groups" "lambda" {
  log_group_name_prefix = "/aws/lambda/"
  depends_on            = [aws_cloudwatch_log_group.function]
}

data "aws_iam_principal_policy_simulation" "may" {
  policy_source_arn = aws_iam_user.caller.arn
  action_names      = ["lambda:InvokeFunction"]
  resource_arns     = [aws_lambda_function.plain.arn]
  depends_on        = [aws_iam_user_policy.inline]
}

# Which resource has which id, for `terraform import`.
output "imports" {
  value = {
    "aws_iam_policy.invoke"                              = aws_iam_policy.invoke.arn
    "aws_iam_role.function"                              = aws_iam_role.function.name
    "aws_iam_role_policy.inline"                         = "${aws_iam_role.function.name}:inline"
    "aws_iam_role_policy_attachment.basic"               = "${aws_iam_role.function.name}/${aws_iam_role_policy_attachment.basic.policy_arn}"
    "aws_iam_user.caller"                                = aws_iam_user.caller.name
    "aws_iam_user_policy.inline"                         = "${aws_iam_user.caller.name}:inline"
    "aws_iam_user_policy_attachment.invoke"              = "${aws_iam_user.caller.name}/${aws_iam_policy.invoke.arn}"
    "aws_iam_group.callers"                              = aws_iam_group.callers.name
    "aws_iam_group_policy.inline"                        = "${aws_iam_group.callers.name}:inline"
    "aws_iam_group_policy_attachment.read"               = "${aws_iam_group.callers.name}/${aws_iam_group_policy_attachment.read.policy_arn}"
    "aws_iam_account_alias.this"                         = aws_iam_account_alias.this.id
    "aws_cloudwatch_log_group.function"                  = aws_cloudwatch_log_group.function.name
    "aws_cloudwatch_log_stream.own"                      = "${aws_cloudwatch_log_group.function.name}:own"
    "aws_lambda_alias.live"                              = "${aws_lambda_function.hello.function_name}/live"
    "aws_lambda_function.plain"                          = aws_lambda_function.plain.function_name
    "aws_lambda_provisioned_concurrency_config.warm"     = aws_lambda_provisioned_concurrency_config.warm.id
    "aws_lambda_function_url.open"                       = aws_lambda_function_url.open.id
    "aws_lambda_function_url.live"                       = aws_lambda_function_url.live.id
    "aws_lambda_permission.account"                      = "${aws_lambda_function.hello.function_name}:live/account"
    "aws_lambda_function_event_invoke_config.hello"      = aws_lambda_function_event_invoke_config.hello.id
    "aws_lambda_function_recursion_config.hello"         = aws_lambda_function.hello.function_name
  }
}
