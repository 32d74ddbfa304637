#include "core/formats/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include "core/formats/size.h"

namespace memsnap {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for gzip
constexpr int kMemoryLevel = 8;
constexpr std::size_t kMostAtOnce = std::numeric_limits<uInt>::max();

using Part = std::array<char, std::size_t{1} << 16>;

// Gives a stream the next of `input` where it has used up what it had, and all of `part` for its output.
void give(z_stream& stream, std::string_view& input, Part& part) {
  if (stream.avail_in == 0) {
    const auto chunk = input.substr(0, kMostAtOnce);
    // zlib's interface is of a time without const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(chunk.data()));
    stream.avail_in = static_cast<uInt>(chunk.size());
    input.remove_prefix(chunk.size());
  }
  stream.next_out = reinterpret_cast<Bytef*>(part.data());
  stream.avail_out = static_cast<uInt>(part.size());
}

struct Inflater {
  Inflater() {
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

}  // namespace

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  // Level 1: a third larger than level 6, in a fourth of its time.
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string file;
  Part part{};
  int status = Z_OK;
  do {
    give(stream, bytes, part);
    status = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    file.append(part.data(), part.size() - stream.avail_out);
  } while (status == Z_OK);
  deflateEnd(&stream);
  return file;
}

Result<std::string> gunzip(std::string_view file, std::size_t limit) {
  constexpr std::string_view kMagic = "\x1f\x8b";
  if (!file.starts_with(kMagic)) {
    return fail(Code::malformed, "no gzipped pprof profile");
  }
  Inflater inflater;
  auto& stream = inflater.stream;
  std::string bytes;
  Part part{};
  while (true) {
    give(stream, file, part);
    const auto status = inflate(&stream, Z_NO_FLUSH);
    const auto made = part.size() - stream.avail_out;
    if (made > limit - bytes.size()) {
      return fail(Code::malformed, fmt::format("more than {} of data", format_size(limit)));
    }
    bytes.append(part.data(), made);
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0 && file.empty()) {
        return bytes;
      }
      // A gzip file may be several, one behind the other.
      if (inflateReset(&stream) != Z_OK) {
        return fail(Code::malformed, "cut off or damaged");
      }
    } else if (status != Z_OK) {
      return fail(Code::malformed, "cut off or damaged");
    }
  }
}

}  // namespace memsnap
