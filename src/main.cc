// Composition only: arguments, configuration, and the command that was asked for.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "config/host.h"
#include "config/load.h"
#include "config/print.h"
#include "headrace/version.h"
#include "io/backend.h"
#include "policy/new_key.h"
#include "server/control.h"
#include "server/doctor.h"
#include "server/health.h"
#include "server/price_source.h"

namespace {

using namespace headrace;

struct Arguments {
  std::string config;
  std::string address;
  std::string key_name = "NAME";
};

// The configuration, or every fault of it on standard error.
config::LoadOutcome load(const Arguments& arguments) {
  config::LoadOutcome outcome = config::load(arguments.config, config::process_environment());
  for (const std::string& warning : outcome.warnings) {
    std::fprintf(stderr, "headrace: warning: %s\n", warning.c_str());
  }
  if (!outcome.ok()) std::fprintf(stderr, "%s", config::format_faults(outcome).c_str());
  return outcome;
}

int serve(const Arguments& arguments) {
  server::block_signals();
  config::raise_limits();
  config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  return server::Control(arguments.config, std::move(outcome)).run();
}

int check(const Arguments& arguments) {
  const config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  std::string fault;
  if (server::PriceSource().load(*outcome.snapshot, fault) == nullptr) {
    std::fprintf(stderr, "%s: %s\n", outcome.source.c_str(), fault.c_str());
    return 1;
  }
  std::printf("%s: ok: %zu routes, %zu providers\n",
              outcome.source.c_str(),
              outcome.snapshot->routes.size(),
              outcome.snapshot->providers.size());
  return 0;
}

int print_config(const Arguments& arguments) {
  const config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  std::printf("%s", config::print_redacted(*outcome.snapshot).c_str());
  return 0;
}

int new_key(const Arguments& arguments) {
  const config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  std::printf(
      "%s",
      policy::describe_new_key(policy::new_key(), arguments.key_name, outcome.snapshot->key_secret)
          .c_str());
  return 0;
}

int doctor(const Arguments& arguments) {
  config::raise_limits();
  const config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  const config::Snapshot& snapshot = *outcome.snapshot;
  const auto wish = snapshot.io.backend == config::Backend::epoll      ? io::BackendWish::epoll
                    : snapshot.io.backend == config::Backend::io_uring ? io::BackendWish::io_uring
                                                                       : io::BackendWish::automatic;
  const io::BackendChoice choice = io::choose_backend(wish);
  const config::HostFacts host = config::read_host();
  const server::DoctorReport report = server::examine({.snapshot = snapshot,
                                                       .host = host,
                                                       .source = outcome.source,
                                                       .backend = !choice.usable ? ""
                                                                  : choice.uring ? "io_uring"
                                                                                 : "epoll",
                                                       .backend_reason = choice.reason});
  std::printf("%s", report.text.c_str());
  return report.exit_code();
}

int health(const Arguments& arguments) {
  if (!arguments.address.empty()) return server::health_probe(arguments.address);
  const config::LoadOutcome outcome = load(arguments);
  if (!outcome.ok()) return 1;
  return server::health_probe(outcome.snapshot->admin);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Headrace: an ultra-low-latency gateway for LLM traffic", "headrace");
  app.set_version_flag("--version", std::string("headrace ") + HEADRACE_VERSION);
  Arguments arguments;
  const auto with_config = [&arguments](CLI::App* command) {
    command->add_option(
        "-c,--config",
        arguments.config,
        "configuration file; else ./headrace.yaml, /etc/headrace/headrace.yaml or the "
        "embedded default");
    return command;
  };
  with_config(&app);
  app.require_subcommand(0, 1);
  with_config(app.add_subcommand("serve", "serve requests (what happens without a command)"));
  CLI::App* check_command =
      with_config(app.add_subcommand("check", "check the configuration and end"));
  check_command->add_option("file", arguments.config, "the same, without the dashes");
  CLI::App* doctor_command = with_config(
      app.add_subcommand("doctor", "say whether this host and configuration can serve"));
  CLI::App* health_command =
      with_config(app.add_subcommand("health", "ask a running gateway whether it is ready"));
  health_command->add_option("--address,--socket", arguments.address, "its admin listener");
  CLI::App* config_command = app.add_subcommand("config", "about the configuration");
  config_command->require_subcommand(1);
  CLI::App* print_command =
      with_config(config_command->add_subcommand("print", "what is in force, without secrets"));
  CLI::App* docs_command = config_command->add_subcommand("docs", "the reference of every key");
  CLI::App* key_command = app.add_subcommand("key", "about the keys of clients");
  key_command->require_subcommand(1);
  CLI::App* new_key_command = with_config(key_command->add_subcommand(
      "new", "make a key, and the lines of configuration that admit it"));
  new_key_command->add_option("name", arguments.key_name, "what the configuration will call it");
  CLI11_PARSE(app, argc, argv);

  if (check_command->parsed()) return check(arguments);
  if (doctor_command->parsed()) return doctor(arguments);
  if (health_command->parsed()) return health(arguments);
  if (print_command->parsed()) return print_config(arguments);
  if (new_key_command->parsed()) return new_key(arguments);
  if (docs_command->parsed()) {
    std::printf("%s", config::docs_markdown().c_str());
    return 0;
  }
  return serve(arguments);
}
