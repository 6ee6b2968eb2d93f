#pragma once
// How a stats struct is declared: one list names each cell once, with the help text that Prometheus
// shows, and becomes both the members and the table that the registry reads. In a real list each
// line but the last ends with a backslash:
//
//   #define PILLION_FAULT_STATS(CELL, NAMED)
//     CELL(Counter, aborts_injected, "Requests answered with the configured status.")
//     CELL(Gauge, active_faults, "Faults being applied at this moment.")
//     NAMED(Counter, slow, "delay.injected", "A name that is no C++ identifier.")
//   PILLION_STATS(FaultStats, PILLION_FAULT_STATS)
//
//   metrics::PerWorker<FaultStats> stats(
//       registry, {{"http"}, {prefix, metrics::kHttpPrefixTag}, {"fault"}});
//   stats.here().aborts_injected.add();  // http.<prefix>.fault.aborts_injected, made at first use
//
// Cell types: Counter, Gauge, Histogram, StatusCounters, ClassCounters (cells.h). Rarely used cells
// go to a struct of their own with a PerWorker of the same scope: its block is made when it is
// needed. Within one scope each name is declared once.

#include <cstddef>
#include <span>

#include "sidecar/metrics/metrics.h"

#define PILLION_STATS_MEMBER(type, member, help) ::pillion::metrics::type member;
#define PILLION_STATS_MEMBER_NAMED(type, member, name, help) ::pillion::metrics::type member;
#define PILLION_STATS_ROW(type, member, help) \
  {#member, ::pillion::metrics::type::kKind, offsetof(Self, member), help},
#define PILLION_STATS_ROW_NAMED(type, member, name, help) \
  {name, ::pillion::metrics::type::kKind, offsetof(Self, member), help},

#define PILLION_STATS(Name, LIST)                                  \
  struct Name {                                                    \
    LIST(PILLION_STATS_MEMBER, PILLION_STATS_MEMBER_NAMED)         \
    static std::span<const ::pillion::metrics::CellInfo> cells() { \
      using Self = Name;                                           \
      static constexpr ::pillion::metrics::CellInfo kCells[] = {   \
          LIST(PILLION_STATS_ROW, PILLION_STATS_ROW_NAMED)};       \
      return kCells;                                               \
    }                                                              \
  };
