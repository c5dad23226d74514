/* Cases of server/census_file.
 * SPDX-License-Identifier: MIT */
#include "server/census_file.h"

#include "tests/unit/census_fixture.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tr_census census, loaded;
static char folder[64], path[80], error[TR_CENSUS_FILE_ERROR];

static void open_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/tryst-census-XXXXXX");
    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/census.csv", folder);
}

static void close_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void fill_some(void)
{
    struct tr_item_outcome direct = {.path = TRYST_PATH_DIRECT, .kind = 2, .took_ms = 80};
    struct tr_item_outcome relay = {.path = TRYST_PATH_RELAY, .took_ms = 20};
    struct tr_item_outcome none = {.path = TRYST_PATH_NONE, .took_ms = 10000};
    memset(&census, 0, sizeof census);
    memset(&loaded, 0, sizeof loaded);
    for (int i = 0; i < 3; i++)
        tr_census_count_participant(&census, kind_of(1, 3, 1), false);
    tr_census_count_participant(&census, kind_of(3, 3, 3), false);
    tr_census_count_pair(&census, kind_of(1, 3, 1), kind_of(3, 3, 3), tr_census_outcome(&direct),
                         false);
    tr_census_count_pair(&census, kind_of(3, 3, 3), kind_of(1, 3, 1), tr_census_outcome(&direct),
                         false);
    tr_census_count_pair(&census, kind_of(3, 3, 3), kind_of(3, 3, 3), tr_census_outcome(&relay),
                         false);
    tr_census_count_pair(&census, 0, kind_of(4, 1, 1), tr_census_outcome(&none), false);
}

static void write_text(const char *text)
{
    FILE *stream = fopen(path, "w");
    fputs(text, stream);
    fclose(stream);
}

static void file_gives_back_what_was_saved_and_adds(void)
{
    open_folder();
    fill_some();
    unlink(path);
    ASSERT_TRUE(tr_census_file_load(path, &loaded, error)); /* there is none yet */
    ASSERT_EQ_UINT(count_all(&loaded, false), 0);
    ASSERT_TRUE(tr_census_file_save(path, &census, error));
    ASSERT_TRUE(tr_census_file_load(path, &loaded, error));
    ASSERT_EQ_MEM(loaded.participants, census.participants, sizeof census.participants);
    ASSERT_EQ_MEM(loaded.pairs, census.pairs, sizeof census.pairs);
    ASSERT_TRUE(tr_census_file_load(path, &loaded, error));
    ASSERT_EQ_UINT(count_all(&loaded, false), 8);
    ASSERT_EQ_UINT(count_all(&loaded, true), 8);
    close_folder();
}

static void file_reads_as_the_manual_says(void)
{
    char text[2048];
    open_folder();
    fill_some();
    ASSERT_TRUE(tr_census_file_save(path, &census, error));
    FILE *stream = fopen(path, "r");
    size_t size = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[size] = '\0';
    ASSERT_TRUE(strstr(text, "what,mapping,filtering,ports,other_mapping,") == text);
    ASSERT_TRUE(strstr(text, "\r\nparticipant,endpoint-independent,address-and-port-dependent,"
                             "preserved,,,,,,3,,,,,,,\r\n") != NULL);
    ASSERT_TRUE(strstr(text, "\r\npair,endpoint-independent,address-and-port-dependent,preserved,"
                             "address-and-port-dependent,address-and-port-dependent,random,"
                             "direct,public,2,0,2,0,0,0,0,0\r\n") != NULL);
    ASSERT_TRUE(strstr(text, ",none,none,1,0,0,0,0,0,0,1\r\n") != NULL);
    close_folder();
}

static void file_that_is_no_census_is_refused_with_its_line(void)
{
    static const char head[] =
        "what,mapping,filtering,ports,other_mapping,other_filtering,other_ports,path,kind,count,"
        "to_50_ms,to_100_ms,to_200_ms,to_500_ms,to_1000_ms,to_3000_ms,longer\n";
    static const struct {
        const char *text;
        bool has_head;
        int line; /* 0: it is good */
    } rows[] = {
        {"", false, 0},
        {"", true, 0},
        {"root:x:0:0\n", false, 1},
        {"participant,unknown,unknown,unknown,,,,,,5,,,,,,,\n", true, 0},
        {"participant,unknown,unknown,unknown,,,,,,5,,,,,,,\r\n", true, 0},
        {"participant,unknown,unknown,unknown,,,,,,5,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,5,,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,-5,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,5.0,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,99999999999999999999,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,999999999999999999,,,,,,,\n", true, 2},
        {"participant,symmetric,unknown,unknown,,,,,,5,,,,,,,\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,direct,,5,,,,,,,\n", true, 2},
        {"other,unknown,unknown,unknown,,,,,,5,,,,,,,\n", true, 2},
        {"pair,unknown,unknown,unknown,none,unknown,unknown,relay,none,3,1,2,0,0,0,0,0\n", true, 0},
        {"pair,unknown,unknown,unknown,none,unknown,unknown,relay,none,4,1,2,0,0,0,0,0\n", true, 2},
        {"pair,unknown,unknown,unknown,none,unknown,unknown,direct,none,3,1,2,0,0,0,0,0\n", true,
         2},
        {"pair,unknown,unknown,unknown,none,unknown,unknown,luck,none,3,1,2,0,0,0,0,0\n", true, 2},
        {"pair,unknown,unknown,unknown,none,unknown,,relay,none,3,1,2,0,0,0,0,0\n", true, 2},
        {"participant,unknown,unknown,unknown,,,,,,5,,,,,,,\n\n", true, 3},
    };
    open_folder();
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char text[1024], place[120];
        snprintf(text, sizeof text, "%s%s", rows[i].has_head ? head : "", rows[i].text);
        write_text(text);
        memset(&loaded, 0, sizeof loaded);
        bool is_good = tr_census_file_load(path, &loaded, error);
        ASSERT_ROW(is_good == (rows[i].line == 0), "row %zu", i);
        snprintf(place, sizeof place, "%s:%d: ", path, rows[i].line);
        if (!is_good)
            ASSERT_ROW(strncmp(error, place, strlen(place)) == 0, "row %zu: %s", i, error);
    }
    close_folder();
}

static void file_that_cannot_be_written_is_told_of_and_leaves_the_old_one(void)
{
    char new_path[100];
    open_folder();
    fill_some();
    ASSERT_TRUE(tr_census_file_save(path, &census, error));
    snprintf(new_path, sizeof new_path, "%s.new", path);
    ASSERT_EQ_INT(mkdir(new_path, 0700), 0);
    ASSERT_FALSE(tr_census_file_save(path, &census, error));
    ASSERT_TRUE(strstr(error, "cannot be written") != NULL);
    ASSERT_TRUE(tr_census_file_load(path, &loaded, error));
    ASSERT_EQ_UINT(count_all(&loaded, true), 4);
    rmdir(new_path);
    ASSERT_FALSE(tr_census_file_save("/nowhere/census.csv", &census, error));
    ASSERT_FALSE(tr_census_file_load(folder, &loaded, error));
    close_folder();
}

static void file_is_kept_where_something_changed(void)
{
    struct tr_log log;
    struct tr_census_file file = {.census = &census, .path = path};
    tr_log_init(&log, stderr, TR_LOG_ERROR);
    open_folder();
    fill_some();
    unlink(path);
    tr_census_file_keep(&file, &log, 1);
    ASSERT_EQ_INT(access(path, F_OK), 0);
    unlink(path);
    tr_census_file_keep(&file, &log, 1);
    ASSERT_TRUE(access(path, F_OK) != 0);
    tr_census_count_participant(&census, 0, false);
    tr_census_file_keep(&file, &log, 1);
    ASSERT_EQ_INT(access(path, F_OK), 0);
    file.path = "";
    tr_census_count_participant(&census, 0, false);
    tr_census_file_keep(&file, &log, 1);
    close_folder();
}

UNIT_MAIN("census_file", UNIT_CASE(file_gives_back_what_was_saved_and_adds),
          UNIT_CASE(file_reads_as_the_manual_says),
          UNIT_CASE(file_that_is_no_census_is_refused_with_its_line),
          UNIT_CASE(file_that_cannot_be_written_is_told_of_and_leaves_the_old_one),
          UNIT_CASE(file_is_kept_where_something_changed))
