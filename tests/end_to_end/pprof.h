#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace memsnap::test {

/// What `go tool pprof` prints for these words; an exit code other than 0 fails the test.
std::string pprof(std::vector<std::string> words);

/// pprof's own table: what each function and those that it called hold, and under "" the total.
std::map<std::string, std::int64_t> pprof_top(const std::string& sample_type, std::vector<std::string> words);

}  // namespace memsnap::test
