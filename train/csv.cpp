#include "train/csv.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace vggroove {
namespace {

class CsvParser {
 public:
  CsvParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::vector<CsvRow> parse() {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) {
      position_ = kByteOrderMark.size();
    }
    std::vector<CsvRow> rows;
    while (position_ < text_.size()) {
      if (at_line_end()) {
        skip_line_end();
        continue;
      }
      rows.push_back(parse_row());
    }
    return rows;
  }

 private:
  bool at_line_end() const { return text_[position_] == '\n' || text_[position_] == '\r'; }

  void skip_line_end() {
    position_ += text_.substr(position_).starts_with("\r\n") ? 2 : 1;
    ++line_;
  }

  CsvRow parse_row() {
    CsvRow row{.line = line_, .fields = {}};
    for (;;) {
      const bool quoted = position_ < text_.size() && text_[position_] == '"';
      row.fields.push_back(quoted ? parse_quoted() : parse_plain());
      if (position_ == text_.size()) {
        return row;
      }
      if (at_line_end()) {
        skip_line_end();
        return row;
      }
      ++position_;  // the comma
    }
  }

  std::string parse_plain() {
    const std::size_t start = position_;
    while (position_ < text_.size() && text_[position_] != ',' && !at_line_end()) {
      if (text_[position_] == '"') {
        fail(line_,
             "a quote inside a field that does not begin with one; put the whole field in "
             "quotes and double the quotes in it");
      }
      refuse_zero_byte();
      ++position_;
    }
    return std::string(text_.substr(start, position_ - start));
  }

  std::string parse_quoted() {
    const std::size_t first_line = line_;
    std::string field;
    ++position_;
    while (position_ < text_.size()) {
      if (text_.substr(position_).starts_with("\"\"")) {
        field += '"';
        position_ += 2;
      } else if (text_[position_] == '"') {
        ++position_;
        if (position_ < text_.size() && text_[position_] != ',' && !at_line_end()) {
          fail(line_,
               "text after the closing quote of a field; double the quotes that belong to it");
        }
        return field;
      } else if (at_line_end()) {
        const std::size_t start = position_;
        skip_line_end();
        field += text_.substr(start, position_ - start);
      } else {
        refuse_zero_byte();
        field += text_[position_++];
      }
    }
    fail(first_line, "a quote that is never closed");
  }

  void refuse_zero_byte() const {
    if (text_[position_] == '\0') {
      fail(line_, "a zero byte; this is not text in UTF-8, save it as CSV in UTF-8");
    }
  }

  [[noreturn]] void fail(std::size_t line, const char* what) const {
    throw Error(ErrorClass::kInvalid, fmt::format("{}:{}: {}", name_, line, what));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& name) {
  return CsvParser(text, name).parse();
}

}  // namespace vggroove
