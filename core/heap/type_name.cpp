#include "core/heap/type_name.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/trace/identifier.h"

namespace memsnap {
namespace {

// Words, `::`, `&&`, and every other character for itself; spaces only part words.
std::vector<std::string_view> split_name(std::string_view text) {
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    auto end = at + 1;
    if (is_identifier(text[at])) {
      while (end < text.size() && is_identifier(text[end])) {
        ++end;
      }
    } else if (end < text.size() && text[end] == text[at] && (text[at] == ':' || text[at] == '&')) {
      ++end;
    }
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

// Reads a type and writes it anew. Where the tokens are no type that it knows, it gives up as a whole.
class Speller {
 public:
  explicit Speller(std::vector<std::string_view> tokens) : tokens_(std::move(tokens)) {}

  std::optional<std::string> spell() {
    auto text = type();
    return text && at_ == tokens_.size() ? text : std::nullopt;
  }

 private:
  static constexpr int kDeepest = 200;

  bool is(std::string_view token) const { return at_ < tokens_.size() && tokens_[at_] == token; }
  bool take(std::string_view token) {
    const bool found = is(token);
    at_ += found ? 1U : 0U;
    return found;
  }
  bool is_name() const { return at_ < tokens_.size() && is_identifier(tokens_[at_].front()); }

  bool take_qualifier(bool& is_const, bool& is_volatile) {
    const bool found_const = take("const");
    const bool found_volatile = !found_const && take("volatile");
    is_const |= found_const;
    is_volatile |= found_volatile;
    return found_const || found_volatile;
  }

  std::optional<std::string> type() {
    if (++depth_ > kDeepest) {
      return std::nullopt;
    }
    bool is_const = false;
    bool is_volatile = false;
    while (take_qualifier(is_const, is_volatile)) {
    }
    auto text = is_integer_word() ? std::optional(integer(is_const, is_volatile)) : name();
    if (!text) {
      return std::nullopt;
    }
    while (take_qualifier(is_const, is_volatile)) {
    }
    text->append(is_const ? " const" : "").append(is_volatile ? " volatile" : "");
    auto whole = declarator(std::move(*text));
    --depth_;
    return whole;
  }

  std::optional<std::string> declarator(std::string text) {
    while (at_ < tokens_.size()) {
      if (is("*") || is("&") || is("&&")) {
        text += tokens_[at_++];
      } else if (is("const") || is("volatile")) {
        text.append(" ").append(tokens_[at_++]);
      } else if (take("[")) {
        text += " [";
        while (at_ < tokens_.size() && !is("]")) {
          text += number(tokens_[at_++]);
        }
        text += "]";
        if (!take("]")) {
          return std::nullopt;
        }
      } else if (is("(")) {
        auto inside = list("(", ")");
        if (!inside) {
          return std::nullopt;
        }
        text.append(text.ends_with(')') ? "" : " ").append(*inside);
      } else {
        break;
      }
    }
    return text;
  }

  bool is_integer_word() const {
    static constexpr auto kWords =
        std::to_array<std::string_view>({"unsigned", "signed", "long", "short", "int", "char", "double"});
    return at_ < tokens_.size() && std::ranges::find(kWords, tokens_[at_]) != kWords.end();
  }

  std::string integer(bool& is_const, bool& is_volatile) {
    int longs = 0;
    bool is_unsigned = false;
    bool is_signed = false;
    std::string_view base = "int";
    while (is_integer_word() || is("const") || is("volatile")) {
      if (take_qualifier(is_const, is_volatile)) {
        continue;
      }
      const auto word = tokens_[at_++];
      longs += word == "long" ? 1 : 0;
      is_unsigned |= word == "unsigned";
      is_signed |= word == "signed";
      base = word == "char" || word == "short" || word == "double" ? word : base;
    }
    const bool is_signed_char = is_signed && base == "char";
    std::string text = is_unsigned ? "unsigned " : is_signed_char ? "signed " : "";
    text += longs == 2 ? "long long" : longs == 1 ? "long" : "";
    if (longs == 0) {
      text += base;
    } else if (base == "double") {
      text += " double";
    }
    return text;
  }

  // A qualified name, a literal, or a cast literal such as `(Kind)1`.
  std::optional<std::string> name() {
    std::string text;
    static_cast<void>(take("::"));
    for (;;) {
      auto part = segment();
      if (!part) {
        return std::nullopt;
      }
      text += *part;
      if (is("<")) {
        auto arguments = list("<", ">");
        if (!arguments) {
          return std::nullopt;
        }
        text += *arguments;
      }
      // A class in a function.
      if (const auto before = at_; is("(")) {
        auto arguments = list("(", ")");
        const bool is_const = take("const");
        if (arguments && is("::")) {
          text.append(*arguments).append(is_const ? " const" : "");
        } else {
          at_ = before;
        }
      }
      if (!take("::")) {
        return text;
      }
      text += "::";
    }
  }

  std::optional<std::string> segment() {
    if (take("-")) {
      return is_name() ? std::optional("-" + number(tokens_[at_++])) : std::nullopt;
    }
    if (is("{")) {
      return braces();
    }
    if (is("(")) {
      return parenthesis();
    }
    if (!is_name()) {
      return std::nullopt;
    }
    const auto word = tokens_[at_++];
    return word.front() >= '0' && word.front() <= '9' ? number(word) : std::string(word);
  }

  // `{anonymous}`, `{lambda(int)#1}` and their like.
  std::string braces() {
    std::string text;
    int depth = 0;
    while (at_ < tokens_.size()) {
      const auto token = tokens_[at_++];
      depth += token == "{" ? 1 : token == "}" ? -1 : 0;
      if (token == "," || (!text.empty() && is_identifier(text.back()) && is_identifier(token.front()))) {
        text += token == "," ? ", " : " ";
        text += token == "," ? "" : token;
      } else {
        text += token;
      }
      if (depth == 0) {
        break;
      }
    }
    return text == "{anonymous}" ? "(anonymous namespace)" : text;
  }

  std::optional<std::string> parenthesis() {
    ++at_;
    if (take("anonymous")) {
      const auto what = at_ < tokens_.size() ? tokens_[at_] : std::string_view();
      at_ += 1;
      return take(")") ? std::optional("(anonymous " + std::string(what) + ")") : std::nullopt;
    }
    auto inner = type();
    if (!inner || !take(")")) {
      return std::nullopt;
    }
    auto value = segment();
    return value ? std::optional("(" + *inner + ")" + *value) : std::nullopt;
  }

  std::optional<std::string> list(std::string_view open, std::string_view close) {
    if (!take(open) || ++depth_ > kDeepest) {
      return std::nullopt;
    }
    std::string text(open);
    for (bool is_first = true; !take(close); is_first = false) {
      if (!is_first && !take(",")) {
        return std::nullopt;
      }
      text += is_first ? "" : ", ";
      // A pointer to a function or to an array is a list of no type: `(*)`, `(&)`.
      auto item = is("*") || is("&") ? declarator({}) : type();
      if (!item) {
        return std::nullopt;
      }
      text += *item;
    }
    --depth_;
    return text.append(close);
  }

  static std::string number(std::string_view word) {
    if (word.front() < '0' || word.front() > '9') {
      return std::string(word);
    }
    while (word.size() > 1 && std::string_view("uUlL").find(word.back()) != std::string_view::npos) {
      word.remove_suffix(1);
    }
    return std::string(word);
  }

  std::vector<std::string_view> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Only the spaces between words stay, and one behind each comma.
std::string tidy(std::string_view name) {
  std::string text;
  for (const auto token : split_name(name)) {
    if (!text.empty() && is_identifier(text.back()) && is_identifier(token.front())) {
      text += ' ';
    }
    text.append(token).append(token == "," ? " " : "");
  }
  return text;
}

// Where the template arguments that a name ends in begin; npos where it ends in none.
std::size_t last_arguments(std::string_view name) {
  int depth = 0;
  for (auto i = name.ends_with('>') ? name.size() : 0; i-- > 0;) {
    const bool is_arrow = name[i] == '>' && i > 0 && name[i - 1] == '-';
    depth += is_arrow ? 0 : name[i] == '>' || name[i] == ')' ? 1 : name[i] == '<' || name[i] == '(' ? -1 : 0;
    if (depth == 0 && !is_arrow) {
      return i;
    }
  }
  return std::string_view::npos;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string canonical_type_name(std::string_view name) {
  auto spelled = Speller(split_name(name)).spell();
  return spelled ? std::move(*spelled) : tidy(name);
}

std::string shown_type_name(std::string name) {
  replace_all(name, "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string");
  replace_all(name, "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char>>",
              "std::string");
  return name;
}

std::vector<std::string_view> template_arguments(std::string_view name) {
  std::vector<std::string_view> result;
  const auto begin = last_arguments(name);
  if (begin == std::string_view::npos) {
    return result;
  }
  int depth = 0;
  auto from = begin + 1;
  for (auto i = from; i < name.size(); ++i) {
    const char c = name[i];
    if (depth == 0 && (c == ',' || i + 1 == name.size())) {
      const auto argument = name.substr(from, i - from);
      const auto first = argument.find_first_not_of(' ');
      result.push_back(first == std::string_view::npos ? std::string_view() : argument.substr(first));
      from = i + 1;
    }
    depth += c == '<' || c == '(' || c == '{' || c == '[' ? 1 : c == '>' || c == ')' || c == '}' || c == ']' ? -1 : 0;
  }
  return result;
}

std::string_view template_name(std::string_view name) { return name.substr(0, last_arguments(name)); }

}  // namespace memsnap
