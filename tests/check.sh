# What `./bootstrap check` does: all tests, shown as they end. Read in by bootstrap, for its say, step,
# explain and build.
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# say_end FOLDER TEST: the end of what a failed test said; its log is named after it.
say_end()
{
    said=${2%.py}
    said=$1/${said%.sh}.log
    [ ! -e "$said" ] || tail -n 15 "$said" | tee -a "$log" | sed 's/^/          /'
}

# Passes on what the harness says of each test as it ends, and nothing else.
show_tests()
{
    while IFS= read -r line; do
        say "$line" >>"$log"
        case $line in
        'PASS: '*) say "  ${green}pass${plain}  ${line#PASS: }" ;;
        'SKIP: '*) say "  ${yellow}skip${plain}  ${line#SKIP: }" ;;
        'FAIL: '* | 'ERROR: '* | 'XPASS: '*)
            say "  ${red}fail${plain}  ${line#*: }; the end of its log:"
            say_end "$1" "${line#*: }"
            ;;
        '# PASS: '*) passed=$((passed + ${line##* })) ;;
        '# SKIP: '*) skipped=$((skipped + ${line##* })) ;;
        '# FAIL: '* | '# ERROR: '* | '# XPASS: '*) failed=$((failed + ${line##* })) ;;
        'bootstrap-status: '*) status=${line##* } ;;
        esac
    done
    say "$passed $failed $skipped $status" >"$1/counted"
}

# run_tests FOLDER WHAT JOBS TESTS: adds to all_passed, all_failed, all_skipped.
run_tests()
{
    folder=$1 what=$2 jobs=$3 tests=$4
    rm -f "$folder/counted"
    step "compile the tests in $folder/" "The first error in the log is the one that counts." \
        make -C "$folder" -j"$(jobs_count)" check TESTS=
    say "${bold}$what${plain}"
    passed=0 failed=0 skipped=0 status=1
    {
        make -C "$folder" -j"$jobs" check TESTS="$tests" 2>&1 </dev/null && result=0 || result=$?
        say "bootstrap-status: $result"
    } | show_tests "$folder"
    read -r passed failed skipped status <"$folder/counted"
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        explain "make check in $folder/" "No test failed, so it is the build: see the log."
    fi
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
    all_skipped=$((all_skipped + skipped))
}

check()
{
    all_passed=0 all_failed=0 all_skipped=0
    # shellcheck disable=SC2016  # make's own variables
    {
        run_tests build 'lint, unit, simulation, conformance' "$(jobs_count)" \
            '$(lint_tests) $(compiled_tests) $(conformance_tests) $(model_tests) $(cli_tests)'
        run_tests build 'Python, Lua and games' "$(jobs_count)" '$(binding_tests)'
        # Alone, for it measures times.
        run_tests build 'laboratory: real netfilter NATs' 1 '$(lab_tests)'
        # shellcheck disable=SC2086  # a list of words
        configure_in build-asan --enable-werror --enable-sanitizers $bindings
        run_tests build-asan 'unit, simulation and modules under ASan and UBSan' \
            "$(jobs_count)" '$(compiled_tests) $(module_tests)'
    }
    say
    say "$(($(now) - start)) s in all"
    say "$all_passed passed, $all_failed failed, $all_skipped skipped"
    [ "$all_failed" -eq 0 ]
}
